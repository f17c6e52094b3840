#!lua flags=allow-oom
-- Move the place of a subscription. The group is made again, and so forgets what was read and not acknowledged.
-- KEYS: the stream, the records, the lease, what is paused, when each group was alive, the places.
-- ARGV: group, the id after which it goes on, for how many seconds a replica may show no life.
-- Answer: 1, or 0 if there is no such group; or why it was refused: 'led' by whom, 'run'.
local group, seconds = ARGV[1], tonumber(ARGV[3])

local function is_there()
  if redis.call('EXISTS', KEYS[1]) == 0 then return false end
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    for i = 1, #info, 2 do
      if info[i] == 'name' and info[i + 1] == group then return true end
    end
  end
  return false
end

local function is_run()
  local alive = tonumber(redis.call('HGET', KEYS[5], group))
  if alive and redis.call('TIME')[1] - alive <= seconds then return true end
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
    for i = 1, #info, 2 do
      if info[i] == 'idle' and info[i + 1] <= seconds * 1000 then return true end
    end
  end
  return false
end

if not is_there() then return 0 end
local leader = redis.call('GET', KEYS[3])
if leader then return {'led', leader} end
if redis.call('HEXISTS', KEYS[4], group) == 0 and is_run() then return {'run'} end
redis.call('XGROUP', 'DESTROY', KEYS[1], group)
redis.call('XGROUP', 'CREATE', KEYS[1], group, ARGV[2])
local time = redis.call('TIME')
local place = {at = time[1] * 1000 + math.floor(time[2] / 1000), moved = true, after = ARGV[2]}
redis.pcall('HSET', KEYS[6], group, cjson.encode(place))
for _, key in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(key, 1, 9) ~= 'redriven/' then redis.call('HDEL', KEYS[2], key) end
end
return 1
