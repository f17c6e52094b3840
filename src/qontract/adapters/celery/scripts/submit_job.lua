-- A job is entered, unless it is there; and as many as 100 that are forgotten by now leave the index.
-- KEYS: job, number, signs of life, the index: by number, by when they are forgotten; those that wait.
-- ARGV: id, the job, its progress, summary, and what it is about, milliseconds until its message is looked for, seconds
-- it may wait. Returns the turn that its message is to name.
if redis.call('HEXISTS', KEYS[1], 'job') == 1 then return tonumber(redis.call('HGET', KEYS[1], 'turn')) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Where the number is lost, or is none that anybody counted to, the time is higher than all that were.
local last = redis.call('GET', KEYS[2])
if not (last and #last <= 15 and last:match('^%d+$')) then redis.call('SET', KEYS[2], now) end
local number = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'job', ARGV[2], 'progress', ARGV[3], 'summary', ARGV[4], 'about', ARGV[5],
  'number', number, 'turn', 1, 'due', now)
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('ZADD', KEYS[3], now + ARGV[6], ARGV[1])
local forgotten = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, 100)
if #forgotten > 0 then
  for i = 4, 6 do redis.call('ZREM', KEYS[i], unpack(forgotten)) end
end
redis.call('ZADD', KEYS[4], number, ARGV[1])
redis.call('ZADD', KEYS[5], now + ARGV[7] * 1000, ARGV[1])
redis.call('ZADD', KEYS[6], now, ARGV[1])
return 1
