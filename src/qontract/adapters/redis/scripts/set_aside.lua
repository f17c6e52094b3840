#!lua flags=allow-oom
-- Set aside what has the name of a key of ours, and is something else: whoever uses the key would be refused for ever.
-- KEYS: a key, where it is set aside, and so on. ARGV: for how many milliseconds it is kept there, how many a lease may
--   have left, then of each key the type that it has to have; 'lease': a string that ends within that time.
-- A stream that has come to the last id takes no more entries: those before that come back, with their ids.
-- Answer: of each key that was set aside its number, and what it was.
local LAST, MAX_FIELDS = '18446744073709551615-18446744073709551615', 4000
local found = {}

local function is_full(key)
  local info = redis.call('XINFO', 'STREAM', key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] == LAST end
  end
end

local function bring_back(aside, key)
  for _, entry in ipairs(redis.call('XRANGE', aside, '-', '(' .. LAST)) do
    if #entry[2] <= MAX_FIELDS then
      redis.call('XADD', key, entry[1], unpack(entry[2]))
      redis.call('XDEL', aside, entry[1])
    end
  end
end

for i = 1, #KEYS, 2 do
  local number = (i + 1) / 2
  local kind, wanted = redis.call('TYPE', KEYS[i]).ok, ARGV[2 + number]
  local odd = kind ~= 'none' and kind ~= wanted and kind
  if wanted == 'lease' and kind == 'string' then
    local left = redis.call('PTTL', KEYS[i])
    odd = (left < 0 or left > tonumber(ARGV[2])) and 'without an end'
  end
  local full = wanted == 'stream' and kind == 'stream' and is_full(KEYS[i])
  odd = full and 'a stream that takes no more entries' or odd
  if odd then
    redis.call('RENAME', KEYS[i], KEYS[i + 1])
    redis.call('PEXPIRE', KEYS[i + 1], ARGV[1])
    if full then bring_back(KEYS[i + 1], KEYS[i]) end
    found[#found + 1], found[#found + 2] = number, odd
  end
end
return found
