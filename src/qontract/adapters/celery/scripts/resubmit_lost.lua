-- A job that gave no sign of life in time gets a new message if it is lost: its run died, or its message is nowhere, or
-- has been with a worker for longer than a lock lasts. KEYS: job, signs of life, jobs that wait. ARGV: id, where its
-- message is ('queue', 'worker' or ''), milliseconds of a lock. Returns the turn that the message is to name, or 0: not
-- lost.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local looked_at = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not looked_at or tonumber(looked_at) > now then return 0 end
local text, run, due, turn = unpack(redis.call('HMGET', KEYS[1], 'job', 'run', 'due', 'turn'))
if not text then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  return 0
end
local lost_at = now
if ARGV[2] == 'queue' then lost_at = now + ARGV[3] end
if ARGV[2] == 'worker' then lost_at = math.min(tonumber(due or 0) or 0, now) + ARGV[3] end
if not run and lost_at > now then
  redis.call('ZADD', KEYS[2], lost_at, ARGV[1])
  return 0
end
redis.call('HSET', KEYS[1], 'due', now)
redis.call('HDEL', KEYS[1], 'run')
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], 'NX', now, ARGV[1])
-- Anybody may have written the turn: one that does not count is the first again.
if not (turn and #turn <= 15 and turn:match('^%d+$')) then redis.call('HSET', KEYS[1], 'turn', 0) end
return redis.call('HINCRBY', KEYS[1], 'turn', 1)
