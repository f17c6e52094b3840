#!lua flags=allow-oom
-- Destroy a subscription: its groups, and all that is known of it. Its dead letters stay.
-- KEYS: the redriven stream, the stream, the records, the lease, what is paused, when each group was alive, the outcomes,
--   the interests, the places.
-- ARGV: group, for how many seconds a replica may show no life.
-- Answer: 1, or 0 if there was none; or why it was refused: 'led' by whom, 'run'.
local group, seconds = ARGV[1], tonumber(ARGV[2])

local function consumers()
  local found = redis.pcall('XINFO', 'CONSUMERS', KEYS[2], group)
  return found.err and {} or found
end

local leader = redis.call('GET', KEYS[4])
if leader then return {'led', leader} end
local alive = tonumber(redis.call('HGET', KEYS[6], group))
if alive and redis.call('TIME')[1] - alive <= seconds then return {'run'} end
for _, info in ipairs(consumers()) do
  for i = 1, #info, 2 do
    if info[i] == 'idle' and info[i + 1] <= seconds * 1000 then return {'run'} end
  end
end
local found = redis.call('HDEL', KEYS[6], group) + redis.call('HDEL', KEYS[5], group)
if redis.call('EXISTS', KEYS[2]) == 1 then found = found + redis.call('XGROUP', 'DESTROY', KEYS[2], group) end
found = found + redis.call('DEL', KEYS[1], KEYS[3], KEYS[7])
redis.pcall('HDEL', KEYS[8], group)
redis.pcall('HDEL', KEYS[9], group)
return found > 0 and 1 or 0
