#!lua flags=allow-oom
-- Put on record what a process says of itself, and when that was; forget those that were not seen for long.
-- KEYS: the processes, when each was seen.
-- ARGV: the process, its record, for how many seconds a process is remembered, how many are.
local MAX_FORGOTTEN = 100
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3] * 1000, 'LIMIT', 0, MAX_FORGOTTEN)
local surplus = redis.call('ZCARD', KEYS[2]) - ARGV[4]
if surplus > 0 then
  for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, math.min(surplus, MAX_FORGOTTEN) - 1)) do
    old[#old + 1] = name
  end
end
if #old > 0 then
  redis.call('HDEL', KEYS[1], unpack(old))
  redis.call('ZREM', KEYS[2], unpack(old))
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
