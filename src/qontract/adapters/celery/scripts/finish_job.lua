#!lua flags=allow-oom
-- A job has ended: its result stays, what it locked is free, and how it ended is known of each scope that it held.
-- KEYS: job, signs of life, memberships, jobs that wait, the index by when they are forgotten; of the scopes: when, how,
-- and how the last success; locks. ARGV: run ('' if none has begun), id, progress, summary, seconds it is kept, seconds
-- and number of scopes that are kept; then, for each lock, its name, the memberships to be known, or '', how the job
-- ended there, and 1 if it was a success. Returns 0 if the job has another run, and nothing is done.
if (redis.call('HGET', KEYS[1], 'run') or '') ~= ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'progress', ARGV[3], 'summary', ARGV[4], 'ended', now)
redis.call('HDEL', KEYS[1], 'job', 'run', 'turn', 'due', 'number')
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('ZADD', KEYS[5], now + ARGV[5] * 1000, ARGV[2])
for i = 9, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('DEL', KEYS[i])
    local name, count, ended, success = unpack(ARGV, 4 * i - 28, 4 * i - 25)
    if count ~= '' then redis.call('HSET', KEYS[3], name, count) end
    redis.call('ZADD', KEYS[6], now, name)
    redis.call('HSET', KEYS[7], name, ended)
    if success == '1' then redis.call('HSET', KEYS[8], name, ended) end
  end
end
local old = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', now - ARGV[6] * 1000, 'LIMIT', 0, 100)
local surplus = redis.call('ZCARD', KEYS[6]) - ARGV[7]
if surplus > 0 then old = redis.call('ZRANGE', KEYS[6], 0, math.min(surplus, 1000) - 1) end
if #old > 0 then
  redis.call('ZREM', KEYS[6], unpack(old))
  for i = 7, 8 do redis.call('HDEL', KEYS[i], unpack(old)) end
end
return 1
