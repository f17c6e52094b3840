-- KEYS: job. ARGV: run, progress, summary. It is left if the job has another run.
if redis.call('HGET', KEYS[1], 'run') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'progress', ARGV[2], 'summary', ARGV[3])
end
