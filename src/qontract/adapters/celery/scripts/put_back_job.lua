#!lua flags=allow-oom
-- A slice has ended, and its job has not. KEYS: job, signs of life, jobs that wait, locks. ARGV: run, id, progress,
-- summary, milliseconds until the next slice, which are none if it is cancelled, milliseconds until its message is
-- looked for. Returns the turn that the next message is to name and the milliseconds until then, or nothing: the job
-- has another run.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return false end
local time = redis.call('TIME')
local pause = redis.call('HEXISTS', KEYS[1], 'cancel') == 1 and 0 or tonumber(ARGV[5])
local due = time[1] * 1000 + math.floor(time[2] / 1000) + pause
redis.call('HSET', KEYS[1], 'progress', ARGV[3], 'summary', ARGV[4], 'due', due)
redis.call('HDEL', KEYS[1], 'run', 'attempts')
redis.call('HINCRBY', KEYS[1], 'slices', 1)
redis.call('ZADD', KEYS[2], due + ARGV[6], ARGV[2])
redis.call('ZADD', KEYS[3], due, ARGV[2])
for i = 4, #KEYS do if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end end
return {redis.call('HINCRBY', KEYS[1], 'turn', 1), pause}
