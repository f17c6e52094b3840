-- A run begins: all names of the job that no later job has begun for are locked, or none.
-- KEYS: job, signs of life, memberships, jobs that wait, the highest number, the lock of each name, the number that
-- began last for each.
-- ARGV: run, turn of the message ('' for any), milliseconds of a lock, seconds that a number is kept, id, milliseconds
-- until it is tried again, milliseconds until a message is looked for, the names.
-- Returns {0}: not to be run; {1, turn, milliseconds}: not yet; {3}: its record cannot be read; or
-- {2, number, attempt, progress, who cancelled it or nothing, the memberships of each name, the history of the server,
-- superseded names...}, which count from 1.
-- Anybody may have written what is read: a time too far off is none, as is a number that no job can have.
local MAX_WAIT, MAX_ATTEMPTS = 24 * 3600 * 1000, 1000
local names = (#KEYS - 5) / 2
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function whole(text) return text and #text <= 15 and text:match('^%d+$') and tonumber(text) end
local function due_at(text)
  local at = tonumber(text or 0) or 0
  return at <= now + MAX_WAIT and at or 0
end

local text, turn, due, run, number, progress, attempts, cancel =
  unpack(redis.call('HMGET', KEYS[1], 'job', 'turn', 'due', 'run', 'number', 'progress', 'attempts', 'cancel'))
if not text then return {0} end
number = whole(number)
if not number then return {3} end
if not whole(turn) then
  turn = ARGV[2] ~= '' and ARGV[2] or '1'
  redis.call('HSET', KEYS[1], 'turn', turn)
end
if ARGV[2] ~= '' and ARGV[2] ~= turn then return {0} end
if due_at(due) > now then return {1, tonumber(turn), due_at(due) - now} end
if run and due_at(redis.call('ZSCORE', KEYS[2], ARGV[5])) > now then return {1, tonumber(turn), tonumber(ARGV[6])} end
local highest = whole(redis.call('GET', KEYS[5])) or number
local mine, superseded = {}, {}
for i = 1, names do
  local last = whole(redis.call('GET', KEYS[5 + names + i])) or 0
  if last > number and last <= highest then
    superseded[#superseded + 1] = i
  elseif redis.call('EXISTS', KEYS[5 + i]) == 1 then
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
  redis.call('SET', KEYS[5 + i], ARGV[1], 'PX', ARGV[3])
  redis.call('SET', KEYS[5 + names + i], number, 'EX', ARGV[4])
end
redis.call('HSET', KEYS[1], 'run', ARGV[1])
redis.call('HSETNX', KEYS[1], 'began', now)
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[5])
redis.call('ZREM', KEYS[4], ARGV[5])
local memberships = names > 0 and redis.call('HMGET', KEYS[3], unpack(ARGV, 8)) or {}
if (whole(attempts) or MAX_ATTEMPTS) >= MAX_ATTEMPTS then redis.call('HDEL', KEYS[1], 'attempts') end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
return {2, number, attempt, progress or '', cancel, memberships, history or '', unpack(superseded)}
