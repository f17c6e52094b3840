#!lua flags=no-writes
-- Look at what the stream has after an id, for several subscriptions of a process. It claims nothing.
-- KEYS: the stream. ARGV: the id, the last id or '+', then the patterns of the types that any of them wants; none: all.
-- Answer: the last id that it looked at (it stops before a large entry, which not all of the subscriptions may want);
--   how many entries that were; how many the stream ever had up to there, or -1 where that is not known; and of those
--   that are wanted a flat list: the how many-th it is, id, content (or all fields, if it has no `__data__`), type or nil;
--   and the history of the server.
local FIRST_PATTERN, CHUNK, MAX_ENTRIES, MAX_BYTES, LARGE = 3, 16, 1000, 2 ^ 20, 2 ^ 16
local last, flat = ARGV[1], {}
local seen, bytes, first = 0, 0, nil

-- Returns whether there may be more.
local function add(id, fields)
  local content, kind = parts(fields)
  if #content > LARGE or bytes + #content > MAX_BYTES then return false end
  first, seen, last = first or id, seen + 1, id
  if is_wanted(kind, FIRST_PATTERN) then
    flat[#flat + 1], flat[#flat + 2], flat[#flat + 3], flat[#flat + 4] = seen, id, content, kind
    bytes = bytes + #content
  end
  return seen < MAX_ENTRIES
end

local function look()
  local few = seen == 0 and 1 or CHUNK -- one first: it may be large
  local entries = redis.call('XRANGE', KEYS[1], '(' .. last, ARGV[2], 'COUNT', few)
  for _, entry in ipairs(entries) do
    if not add(entry[1], entry[2]) then return false end
  end
  return #entries == few
end

while look() do end

-- As Redis counts: what was trimmed is before the first entry, and what was deleted elsewhere is known only at the end.
local function ever()
  if seen == 0 then return -1 end
  local stream = redis.call('XINFO', 'STREAM', KEYS[1])
  local known = {}
  for i = 1, #stream, 2 do known[stream[i]] = stream[i + 1] end
  if last == known['last-generated-id'] then return known['entries-added'] end
  local from_first = known['first-entry'] and known['first-entry'][1] == first
  return from_first and known['max-deleted-entry-id'] == '0-0' and known['entries-added'] - known['length'] + seen or -1
end

return {last, seen, ever(), flat, history()}
