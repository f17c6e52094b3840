#!lua flags=allow-oom
-- Read for one replica: first what is its own and was not received, for an answer may get lost; else what nobody has read.
-- A replica that reads without the lease would hide entries from the one that has it: so the lease is checked here.
-- KEYS: the redriven stream, the stream, the lease, the records.
-- ARGV: group, replica, '1' if it has to lead, count, max bytes, the last id received of each stream; the history of the
--   server, as it is known;
--   a part of the stream that its process has already (see peek.lua): the ids after which it begins, or '', and at which
--   it ends, how many entries it has, how many the stream ever had up to its end or -1, and in JSON the ids that it wants;
--   then the patterns of the types that are wanted; none: all. What is not wanted is passed over, and not sent.
-- Answer: 'lease', if the replica does not lead;
--   'history', if it is another one: that, the last id that the stream ever had, how many entries it ever had, or -1 if
--     it is not there; nothing is read;
--   'again', of each stream a flat list, and of each the ids of entries that have vanished, and are acknowledged now;
--   'part', how many vanished unread, how many the group has read or -1, and of the wanted ids those that have vanished, if that part was read;
--   'new', how many vanished unread, how many the group has read or -1, the id up to which the stream was read, of each stream a flat list;
--   'more', the same three, if there was only what is not wanted, and there may be more;
--   'nothing', the same three.
--   A flat list: id, content (or all fields, if it has no `__data__`), type or nil; and if it is again: record or nil.
local PART, FIRST_PATTERN, CHUNK, MAX_SCANNED = 9, 14, 16, 2000
local group, replica, count, max_bytes = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local flat, expired = {{}, {}}, {{}, {}}
local scanned, found, bytes, largest = 0, 0, 0, 0

if ARGV[3] == '1' and redis.call('GET', KEYS[3]) ~= replica then return {'lease'} end

local function known_of_stream()
  local info, known = redis.pcall('XINFO', 'STREAM', KEYS[2]), {}
  for i = 1, info.err and 0 or #info, 2 do known[info[i]] = info[i + 1] end
  return known['last-generated-id'] or '0-0', known['entries-added'] or -1
end

if ARGV[8] ~= history() then return {'history', history(), known_of_stream()} end

local function record_of(stream, id) return (stream == 1 and 'redriven/' or '') .. id end

-- Add an entry to what is sent. Returns whether it is to be acknowledged, or passed over, instead.
local function add(stream, id, fields, again)
  if not fields then
    expired[stream][#expired[stream] + 1] = id
    redis.call('HDEL', KEYS[4], record_of(stream, id))
    return true
  end
  local content, kind = parts(fields)
  largest = math.max(largest, #content)
  if stream == 2 and not is_wanted(kind, FIRST_PATTERN) then return true end
  local list = flat[stream]
  list[#list + 1], list[#list + 2], list[#list + 3] = id, content, kind
  if again then list[#list + 1] = redis.call('HGET', KEYS[4], record_of(stream, id)) end
  found, bytes = found + 1, bytes + #content
  return false
end

local function is_room() return scanned < MAX_SCANNED and found < count and (found == 0 or bytes < max_bytes) end

local function ask(stream, after, few, sifts)
  local command = {'XREADGROUP', 'GROUP', group, replica, 'COUNT', few, 'STREAMS', KEYS[stream], after}
  if sifts then table.insert(command, 7, 'NOACK') end
  local answer = redis.call(unpack(command))
  return answer and answer[1] and answer[1][2] or {}
end

-- Make pending what was read with NOACK, or by others. Returns the ids of what is still there.
local function own(stream, ids)
  if #ids == 0 then return ids end
  local command = {'XCLAIM', KEYS[stream], group, replica, 0, unpack(ids)}
  command[#command + 1], command[#command + 2] = 'FORCE', 'JUSTID'
  return redis.call(unpack(command))
end

local function read(stream, after)
  local again = after ~= '>'
  -- Where most may not be wanted, only what is wanted becomes pending: to make and to end all others takes a third longer.
  local sifts = not again and stream == 2 and #ARGV >= FIRST_PATTERN
  while is_room() do
    -- One first: it tells how large they are.
    local few = largest == 0 and 1 or math.max(1, math.min(CHUNK, count - found, math.floor((max_bytes - bytes) / largest)))
    local entries = ask(stream, after, few, sifts)
    local ended, kept = {}, {}
    for _, entry in ipairs(entries) do
      if again then after = entry[1] end
      local ids = add(stream, entry[1], entry[2], again) and ended or kept
      ids[#ids + 1] = entry[1]
    end
    if sifts then own(stream, kept) elseif #ended > 0 then redis.call('XACK', KEYS[stream], group, unpack(ended)) end
    scanned = scanned + #entries
    if #entries < few then return end
  end
end

for stream = 1, 2 do read(stream, ARGV[5 + stream]) end
if #expired[1] + #expired[2] + found > 0 then return {'again', flat[1], flat[2], expired[1], expired[2]} end

local function known_of_group()
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
    local known = {}
    for i = 1, #info, 2 do known[info[i]] = info[i + 1] end
    if known['name'] == group then return known end
  end
end

-- Read what the process has, as XREADGROUP would: own it first, for what is owned twice is only read again.
local function read_part(before)
  local ids, gone = cjson.decode(ARGV[PART + 4]), {}
  local owned = own(2, ids)
  for i = 1, #owned < #ids and #ids or 0 do
    if owned[i - #gone] ~= ids[i] then gone[#gone + 1] = ids[i] end
  end
  local size, ever, known = tonumber(ARGV[PART + 2]), tonumber(ARGV[PART + 3]), before['entries-read']
  local advance = {'XGROUP', 'SETID', KEYS[2], group, ARGV[PART + 1]}
  if ever < 0 and known then ever = known + size end
  if ever >= 0 then advance[6], advance[7] = 'ENTRIESREAD', ever end
  redis.call(unpack(advance))
  return {'part', known and math.max(0, ever - size - known) or 0, ever, gone}
end

read(1, '>')
local before, of_redriven = known_of_group(), scanned
if ARGV[PART] == before['last-delivered-id'] then
  if found == 0 then return read_part(before) end
else
  read(2, '>')
end
local after = known_of_group()
-- Redis counts what was added before the last that a group has read: more than it has read, if some were removed unread.
local gap = 0
if before['entries-read'] and after['entries-read'] then
  gap = math.max(0, after['entries-read'] - before['entries-read'] - (scanned - of_redriven))
end
local read_to = after['last-delivered-id']
local count_of_group = after['entries-read'] or -1
if found > 0 then return {'new', gap, count_of_group, read_to, flat[1], flat[2]} end
return {scanned >= MAX_SCANNED and 'more' or 'nothing', gap, count_of_group, read_to}
