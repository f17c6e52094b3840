#!lua flags=allow-oom
-- A run is alive, and keeps its locks. One that has lapsed is taken again if it is free, no newer job has begun for it,
-- and the job has no other run. KEYS: job, signs of life, locks, the number that began last for each.
-- ARGV: run, milliseconds of a lock, number, id. Returns for each lock whether the run has it.
local names, answers = (#KEYS - 2) / 2, {}
local current = redis.call('HGET', KEYS[1], 'run') == ARGV[1]
for i = 1, names do
  local lock = KEYS[2 + i]
  local held = redis.call('GET', lock)
  answers[i] = 1
  if held == ARGV[1] then
    redis.call('PEXPIRE', lock, ARGV[2])
  elseif current and not held and (tonumber(redis.call('GET', KEYS[2 + names + i]) or 0) or 0) <= tonumber(ARGV[3]) then
    redis.call('SET', lock, ARGV[1], 'PX', ARGV[2])
  else
    answers[i] = 0
  end
end
if current then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], 'XX', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[4])
end
return answers
