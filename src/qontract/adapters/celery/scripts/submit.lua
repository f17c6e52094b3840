-- A job is entered, unless it is there. KEYS: job, number, signs of life. ARGV: id, the job, its progress,
-- milliseconds until its message is looked for, seconds it may wait, what it is about. Returns the turn that its message is to name.
if redis.call('HEXISTS', KEYS[1], 'job') == 1 then return tonumber(redis.call('HGET', KEYS[1], 'turn')) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Where the number is lost, or is none that anybody counted to, the time is higher than all that were.
local last = redis.call('GET', KEYS[2])
if not (last and #last <= 15 and last:match('^%d+$')) then redis.call('SET', KEYS[2], now) end
local number = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'job', ARGV[2], 'progress', ARGV[3], 'number', number, 'turn', 1, 'due', now,
  'about', ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[1])
return 1
