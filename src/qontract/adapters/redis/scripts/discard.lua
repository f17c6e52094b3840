#!lua flags=allow-oom
-- Remove a dead letter, with a mark of when and by whom, and put the change on record.
-- KEYS: the dead letters, the counts of dead letters, the changes, the marks. ARGV: the letter's id, the record of the
--   change or '', what its member of the marks begins with or '', who (redrive_marks.py).
-- Answer: 1, or 0 if there is no such letter.
local function one_less(name)
  local count = tonumber(redis.pcall('HGET', KEYS[2], name))
  if count and count > 0 then redis.pcall('HINCRBY', KEYS[2], name, -1) end -- a count that is none stops nothing
end

local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
if ARGV[2] ~= '' then redis.call('XADD', KEYS[3], '*', 'change', ARGV[2]) end
if ARGV[3] ~= '' then -- marks that are none stop nothing
  local time = redis.call('TIME')
  local mark = time[1] .. string.format('%03d', math.floor(time[2] / 1000)) .. ' ' .. ARGV[4]
  redis.pcall('ZREMRANGEBYLEX', KEYS[4], '[' .. ARGV[3], '(' .. ARGV[3] .. '\255')
  redis.pcall('ZADD', KEYS[4], 0, ARGV[3] .. mark)
end
redis.call('XDEL', KEYS[1], ARGV[1])
for i = 1, #letter[2], 2 do
  if letter[2][i] == 'subscription' then one_less(letter[2][i + 1]) end
end
return 1
