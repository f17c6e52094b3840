#!lua flags=allow-oom
-- A slice has ended, and its job has not. KEYS: job, signs of life, locks. ARGV: run, id, progress, milliseconds until
-- the next slice, milliseconds until its message is looked for.
-- Returns the turn that the next message is to name, or 0: the job has another run.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4]
redis.call('HSET', KEYS[1], 'progress', ARGV[3], 'due', due)
redis.call('HDEL', KEYS[1], 'run', 'attempts')
redis.call('ZADD', KEYS[2], due + ARGV[5], ARGV[2])
for i = 3, #KEYS do if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end end
return redis.call('HINCRBY', KEYS[1], 'turn', 1)
