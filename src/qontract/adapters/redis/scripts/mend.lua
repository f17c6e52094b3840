#!lua flags=allow-oom
-- Set aside what has the name of a key of ours, and is something else: whoever uses the key would be refused for ever.
-- KEYS: a key, where it is set aside, and so on. ARGV: for how many milliseconds it is kept there, how many a lease may
--   have left, then of each key the type that it has to have; 'lease': a string that ends within that time.
-- Answer: of each key that was set aside its number, and what it was.
local found = {}
for i = 1, #KEYS, 2 do
  local number = (i + 1) / 2
  local kind, wanted = redis.call('TYPE', KEYS[i]).ok, ARGV[2 + number]
  local odd = kind ~= 'none' and kind ~= wanted and kind
  if wanted == 'lease' and kind == 'string' then
    local left = redis.call('PTTL', KEYS[i])
    odd = (left < 0 or left > tonumber(ARGV[2])) and 'without an end'
  end
  if odd then
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
    redis.call('PEXPIRE', KEYS[i + 1], ARGV[1])
    found[#found + 1], found[#found + 2] = number, odd
  end
end
return found
