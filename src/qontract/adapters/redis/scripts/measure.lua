#!lua flags=allow-oom
-- Say how far a group has come. No entry is sent.
-- KEYS: the redriven stream, the stream, the dead letters, the counts of dead letters.
-- ARGV: group, for how many milliseconds a replica may have been silent.
-- Answer: entries not read, entries read and not acknowledged, age of the oldest in milliseconds, dead letters, replicas.
local function each(...)
  local found = {}
  for i, info in ipairs(redis.call('XINFO', ...)) do
    found[i] = {}
    for j = 1, #info, 2 do found[i][info[j]] = info[j + 1] end
  end
  return found
end

local oldest

local function see(id)
  local ms = id and tonumber(string.match(id, '%d+'))
  if ms and (not oldest or ms < oldest) then oldest = ms end
end

-- Redis does not always know (after XDEL, or for a group that was set somewhere): then what it can be at most.
local function lag(info)
  if info['lag'] then return info['lag'] end
  local kept = redis.call('XLEN', KEYS[2])
  if not info['entries-read'] then return kept end
  local stream = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #stream, 2 do
    if stream[i] == 'entries-added' then return math.min(kept, stream[i + 1] - info['entries-read']) end
  end
end

-- Every entry of the redriven stream is still to be acknowledged; its group may be missing.
local function redriven()
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not first then return 0, 0 end
  see(first[1])
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
  local read = pending.err and 0 or pending[1]
  return redis.call('XLEN', KEYS[1]) - read, read
end

local pending = redis.call('XPENDING', KEYS[2], ARGV[1])
local unread, read = redriven()
see(pending[2])
for _, info in ipairs(each('GROUPS', KEYS[2])) do
  if info['name'] == ARGV[1] then
    local next = redis.call('XRANGE', KEYS[2], '(' .. info['last-delivered-id'], '+', 'COUNT', 1)[1]
    if next then
      see(next[1])
      unread = unread + lag(info)
    end
  end
end
local replicas = 0
for _, info in ipairs(each('CONSUMERS', KEYS[2], ARGV[1])) do
  if info['idle'] <= tonumber(ARGV[2]) then replicas = replicas + 1 end
end
local now = redis.call('TIME')
local age = oldest and math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - oldest) or 0
local count = redis.pcall('HGET', KEYS[4], ARGV[1])
count = type(count) == 'string' and string.match(count, '^%d+$') and tonumber(count) or 0 -- what is no count is none
local dead = math.min(count, redis.call('XLEN', KEYS[3]))
return {unread, read + pending[1], age, dead, replicas}
