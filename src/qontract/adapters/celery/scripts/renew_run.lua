#!lua flags=allow-oom
-- A run is alive, and keeps its locks. One that has lapsed is taken again if it is free, no newer job has begun for it,
-- the job has no other run, and the server has the history that it had when the run began: another one may have
-- forgotten who had the lock meanwhile. KEYS: job, signs of life, locks, the number that began last for each.
-- ARGV: run, milliseconds of a lock, number, id, that history. Returns for each lock whether the run has it.
local function is_same_server()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') == ARGV[5]
end

local function may_take(lock_number)
  return (tonumber(redis.call('GET', lock_number) or 0) or 0) <= tonumber(ARGV[3]) and is_same_server()
end

local names, answers = (#KEYS - 2) / 2, {}
local current = redis.call('HGET', KEYS[1], 'run') == ARGV[1]
for i = 1, names do
  local lock = KEYS[2 + i]
  local held = redis.call('GET', lock)
  answers[i] = 1
  if held == ARGV[1] then
    redis.call('PEXPIRE', lock, ARGV[2])
  elseif current and not held and may_take(KEYS[2 + names + i]) then
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
