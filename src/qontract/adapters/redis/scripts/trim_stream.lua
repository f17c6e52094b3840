#!lua flags=allow-oom
-- Remove what is old enough and what every group has acknowledged. A group that has shown no life for long does not count.
-- What was redriven of what is gone, and when, goes too.
-- KEYS: the stream, when each group was alive, the marks of what was redriven. ARGV: seconds kept, seconds until a silent group is abandoned.
-- Answer: how many entries were removed, the id before which they were, then the abandoned groups.
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, '0-0'} end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local edge_ms, edge_seq, edge = math.max(0, math.floor((now - tonumber(ARGV[1])) * 1000)), 0, nil
local unknown, abandoned = {}, {}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local info = {}
  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
  local alive = tonumber(redis.call('HGET', KEYS[2], info['name']))
  if alive and not (alive >= 0 and alive <= now + 86400) then alive = nil end -- no time at which it can have been alive
  if not alive then unknown[#unknown + 1] = info['name'] end
  if alive and now - alive > tonumber(ARGV[2]) then
    abandoned[#abandoned + 1] = info['name']
  else
    local pending = redis.call('XPENDING', KEYS[1], info['name'])
    local first = pending[1] > 0 and pending[2] or info['last-delivered-id']
    local ms, seq = string.match(first, '(%d+)-(%d+)')
    ms, seq = tonumber(ms), tonumber(seq)
    if ms < edge_ms or (ms == edge_ms and seq < edge_seq) then edge_ms, edge_seq, edge = ms, seq, first end
  end
end
-- What frees memory comes before what needs some.
edge = edge or string.format('%.0f-0', edge_ms)
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', edge)
local first, gone = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1], '+'
if first then
  local ms, seq = string.match(first[1], '(%d+)-(%d+)')
  gone = '(' .. string.rep('0', 20 - #ms) .. ms .. '-' .. string.rep('0', 20 - #seq) .. seq
end
redis.pcall('ZREMRANGEBYLEX', KEYS[3], '-', gone) -- of another type it is not ours, and stops no trimming
for _, name in ipairs(unknown) do redis.call('HSET', KEYS[2], name, time[1]) end
return {trimmed, edge, unpack(abandoned)}
