-- A run begins: all names of the job that no later job has begun for are locked, or none.
-- KEYS: job, signs of life, memberships, jobs that wait, the lock of each name, the number that began last for each.
-- ARGV: run, turn of the message ('' for any), milliseconds of a lock, seconds that a number is kept, id, milliseconds
-- until it is tried again, milliseconds until a message is looked for, the names.
-- Returns {0}: not to be run; {1, turn, milliseconds}: not yet; or {2, number, attempt, progress, who cancelled it or
-- nothing, the memberships of each name, superseded names...}, which count from 1.
local names = (#KEYS - 4) / 2
local text, turn, due, run, number, progress, cancel =
  unpack(redis.call('HMGET', KEYS[1], 'job', 'turn', 'due', 'run', 'number', 'progress', 'cancel'))
if not text or (ARGV[2] ~= '' and ARGV[2] ~= turn) then return {0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(due) > now then return {1, tonumber(turn), tonumber(due) - now} end
if run and tonumber(redis.call('ZSCORE', KEYS[2], ARGV[5]) or 0) > now then
  return {1, tonumber(turn), tonumber(ARGV[6])}
end
local mine, superseded = {}, {}
for i = 1, names do
  if tonumber(redis.call('GET', KEYS[4 + names + i]) or 0) > tonumber(number) then
    superseded[#superseded + 1] = i
  elseif redis.call('EXISTS', KEYS[4 + i]) == 1 then
    redis.call('HSET', KEYS[1], 'due', now)
    redis.call('HDEL', KEYS[1], 'run')
    redis.call('ZADD', KEYS[2], now + ARGV[6] + ARGV[7], ARGV[5])
    redis.call('ZADD', KEYS[4], 'NX', now, ARGV[5])
    return {1, tonumber(turn), tonumber(ARGV[6])}
  else
    mine[#mine + 1] = i
  end
end
for _, i in ipairs(mine) do
  redis.call('SET', KEYS[4 + i], ARGV[1], 'PX', ARGV[3])
  redis.call('SET', KEYS[4 + names + i], number, 'EX', ARGV[4])
end
redis.call('HSET', KEYS[1], 'run', ARGV[1])
redis.call('HSETNX', KEYS[1], 'began', now)
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[5])
redis.call('ZREM', KEYS[4], ARGV[5])
local memberships = names > 0 and redis.call('HMGET', KEYS[3], unpack(ARGV, 8)) or {}
local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
return {2, tonumber(number), attempt, progress, cancel, memberships, unpack(superseded)}
