#!lua flags=allow-oom
-- A job has ended: its result stays, and what it locked is free. KEYS: job, signs of life, memberships, locks.
-- ARGV: run ('' if none has begun), id, progress, seconds it is kept; then, for each lock, its name and the memberships
-- to be known, or ''. Returns 0 if the job has another run, and nothing is done.
if (redis.call('HGET', KEYS[1], 'run') or '') ~= ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[3])
redis.call('HDEL', KEYS[1], 'job', 'run', 'attempts', 'turn', 'due', 'number')
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[2])
for i = 4, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('DEL', KEYS[i])
    local name, count = ARGV[2 * i - 3], ARGV[2 * i - 2]
    if count ~= '' then redis.call('HSET', KEYS[3], name, count) end
  end
end
return 1
