-- Give a dead letter back to the subscription that failed, with a mark of when and by whom, and put the change on record.
-- It has no flags: on a full server the letter stays.
-- KEYS: the dead letters, the redriven stream of that subscription, the counts of dead letters, the stream or, if there
--   is none, any other key, when each group was alive, the marks, the changes.
-- ARGV: the letter's id, the subscription, for how many seconds a replica may show no life, the event's entry, what its
--   member of the marks begins with or '', who (redrive_marks.py), the record of the change or ''.
-- Answer: 1; nothing if there is no such letter or it has no event; 'gone' if the subscription is.
local subscription = ARGV[2]

local function one_less(name)
  local count = tonumber(redis.pcall('HGET', KEYS[3], name))
  if count and count > 0 then redis.pcall('HINCRBY', KEYS[3], name, -1) end -- a count that is none stops nothing
end

local time = redis.call('TIME')

local function is_gone()
  local groups = redis.pcall('XINFO', 'GROUPS', KEYS[4])
  for _, group in ipairs(groups.err and {} or groups) do
    for i = 1, #group, 2 do
      if group[i] == 'name' and group[i + 1] == subscription then return false end
    end
  end
  local alive = tonumber(redis.pcall('HGET', KEYS[5], subscription)) -- whoever runs it makes its group again
  return not (alive and time[1] - alive <= tonumber(ARGV[3]))
end

local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
local data
for i = 1, letter and #letter[2] or 0, 2 do
  if letter[2][i] == '__data__' then data = letter[2][i + 1] end
end
if not data then return end
if is_gone() then return 'gone' end
redis.call('ZCARD', KEYS[6]) -- of another type it is an error here, before anything is done
local mark = time[1] .. string.format('%03d', math.floor(time[2] / 1000)) .. ' ' .. ARGV[6]
local added = redis.call('XADD', KEYS[2], '*', '__data__', data, 'entry', ARGV[4], 'redriven', mark)
if ARGV[7] ~= '' then
  local kept = redis.pcall('XADD', KEYS[7], '*', 'change', ARGV[7])
  if kept.err then
    redis.call('XDEL', KEYS[2], added)
    return kept
  end
end
if ARGV[5] ~= '' then
  redis.call('ZREMRANGEBYLEX', KEYS[6], '[' .. ARGV[5], '(' .. ARGV[5] .. '\255')
  redis.call('ZADD', KEYS[6], 0, ARGV[5] .. mark)
end
redis.call('XDEL', KEYS[1], ARGV[1])
one_less(subscription)
return 1
