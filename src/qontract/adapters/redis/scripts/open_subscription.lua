#!lua flags=allow-oom
-- Make the groups of a subscription where they are missing, at the first kept entry.
-- A record of an entry whose group was lost is dropped: the entry will come anew.
-- KEYS: the redriven stream, the stream, the records, the interests, the places. ARGV: group, what it asks for.
-- Answer: 1 if the group of the stream was made, else 0; and the history of the server. Only a group that is there
--   already is no error.
local made = {false, false}
for i = 1, 2 do
  local answer = redis.pcall('XGROUP', 'CREATE', KEYS[i], ARGV[1], '0', 'MKSTREAM')
  if not answer.err then
    made[i] = true
  elseif not string.find(answer.err, 'BUSYGROUP', 1, true) then
    return answer
  end
end
if made[1] or made[2] then
  for _, key in ipairs(redis.call('HKEYS', KEYS[3])) do
    local i = string.sub(key, 1, 9) == 'redriven/' and 1 or 2
    if made[i] then redis.call('HDEL', KEYS[3], key) end
  end
end
redis.pcall('HSET', KEYS[4], ARGV[1], ARGV[2])
if made[2] then
  local first, time = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1], redis.call('TIME')
  local place = {at = time[1] * 1000 + math.floor(time[2] / 1000), moved = false, first = first and first[1]}
  redis.pcall('HSETNX', KEYS[5], ARGV[1], cjson.encode(place)) -- one that was lost is made again, and began before
end
return {made[2] and 1 or 0, history()}
