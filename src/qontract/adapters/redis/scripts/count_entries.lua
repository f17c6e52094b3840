#!lua flags=no-writes
-- Count entries of the stream, in steps that keep nobody waiting. No entry is sent.
-- KEYS: the stream. ARGV: the id after which it begins, the last id.
-- Answer: how many there are, and the id after which there may be more, or nothing.
local MAX_COUNT, CHUNK, MAX_BYTES = 2000, 16, 4 * 2 ^ 20
local last, count, bytes = ARGV[1], 0, 0
while count < MAX_COUNT and bytes < MAX_BYTES do
  local few = count == 0 and 1 or CHUNK -- one first: it may be large
  local entries = redis.call('XRANGE', KEYS[1], '(' .. last, ARGV[2], 'COUNT', few)
  for _, entry in ipairs(entries) do
    last, count = entry[1], count + 1
    for _, part in ipairs(entry[2]) do bytes = bytes + #part end
  end
  if #entries < few then return {count} end
end
return {count, last}
