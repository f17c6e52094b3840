-- Give a dead letter back to the subscription that failed. It has no flags: on a full server the letter stays.
-- It says which entry the event had first, before it was redriven once or more often.
-- KEYS: the dead letters, the redriven stream of that subscription, the counts of dead letters.
-- ARGV: the letter's id, the subscription.
-- Answer: 1, or nothing if there is no such letter or it has no event.
local function one_less(name)
  local count = tonumber(redis.pcall('HGET', KEYS[3], name))
  if count and count > 0 then redis.pcall('HINCRBY', KEYS[3], name, -1) end -- a count that is none stops nothing
end

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end

local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
local content = letter and field(letter[2], '__data__')
if content then
  local origin = field(letter[2], 'origin') or field(letter[2], 'entry') or ''
  redis.call('XADD', KEYS[2], '*', '__data__', content, 'origin', origin)
  redis.call('XDEL', KEYS[1], ARGV[1])
  one_less(ARGV[2])
  return 1
end
