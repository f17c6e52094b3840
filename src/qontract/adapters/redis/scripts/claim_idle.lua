#!lua flags=allow-oom
-- Own what its replica has shown no sign of working on for a while, and read it.
-- Ids are claimed a few at a time, and their contents read one by one: what is not read is not claimed.
-- KEYS: a stream, the records.
-- ARGV: group, replica, idle milliseconds, where to look on, count, max bytes, what keys of records begin with.
-- Answer: where to look on next, or '0-0' at the end; a flat list: id, content (or all fields, if it has no `__data__`),
--   type or nil, record or nil; and the ids of entries that have vanished from the stream.
local cursor, count, max_bytes = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local flat, expired, found, bytes, largest = {}, {}, 0, 0, 0

local function add(id, fields)
  local content, kind = parts(fields)
  flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = id, content, kind
  flat[#flat + 1] = redis.call('HGET', KEYS[2], ARGV[7] .. id)
  found, bytes, largest = found + 1, bytes + #content, math.max(largest, #content)
end

local function drop(id)
  expired[#expired + 1] = id
  redis.call('HDEL', KEYS[2], ARGV[7] .. id)
end

for _ = 1, 200 do
  local few = largest == 0 and 1 or math.max(1, math.min(8, count - found, math.floor((max_bytes - bytes) / largest)))
  local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], cursor, 'COUNT', few, 'JUSTID')
  cursor = claimed[1]
  for _, id in ipairs(claimed[2]) do add(id, redis.call('XRANGE', KEYS[1], id, id)[1][2]) end
  for _, id in ipairs(claimed[3]) do drop(id) end
  if cursor == '0-0' or found >= count or (found > 0 and bytes >= max_bytes) then break end
end
return {cursor, flat, expired}
