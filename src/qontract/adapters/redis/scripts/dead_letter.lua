#!lua flags=allow-oom
-- Move an entry to the dead letters: the letter first. There is none if another replica has acknowledged the entry; there
-- is one if the stream, the group or the entry was lost.
-- KEYS: a stream, the dead letters, the records, the counts of dead letters.
-- ARGV: group, id, key of the entry and its record, bytes, failures, '1' to delete the entry.
-- Answer: 1 if there is a letter now, else 0.
local function number(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  return tonumber(ms), tonumber(seq)
end

local function is_after(id, other)
  local ms, seq = number(id)
  local other_ms, other_seq = number(other)
  return ms > other_ms or (ms == other_ms and seq > other_seq)
end

-- The group was lost and made again, if it has not come to the entry.
local function is_to_come()
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local known = {}
    for i = 1, #info, 2 do known[info[i]] = info[i + 1] end
    if known['name'] == ARGV[1] then return is_after(ARGV[2], known['last-delivered-id']) end
  end
end

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
local is_lost = pending.err and string.find(pending.err, 'NOGROUP', 1, true)
if pending.err and not is_lost then return pending end
local is_dead = is_lost or #pending == 1 or #redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2]) == 0 or is_to_come()

-- Of a redriven entry: where it was at first, and its mark (redrive_marks.py).
local function before()
  local entry, mark = ARGV[3], nil
  local found = ARGV[6] == '1' and redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
  for i = 1, found and #found[2] or 0, 2 do
    if found[2][i] == 'entry' then entry = found[2][i + 1] elseif found[2][i] == 'redriven' then mark = found[2][i + 1] end
  end
  return entry, mark
end

if is_dead then
  local entry, mark = before()
  local letter = {'__data__', ARGV[4], 'subscription', ARGV[1], 'entry', entry, 'failures', ARGV[5]}
  if mark then letter[#letter + 1], letter[#letter + 2] = 'redriven', mark end
  redis.call('XADD', KEYS[2], '*', unpack(letter))
  -- The letter is there: a count that is none must not let it be written again.
  local counted = redis.pcall('HINCRBY', KEYS[4], ARGV[1], 1)
  if type(counted) == 'table' then redis.pcall('HSET', KEYS[4], ARGV[1], 1) end
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if ARGV[6] == '1' then redis.call('XDEL', KEYS[1], ARGV[2]) end
redis.call('HDEL', KEYS[3], ARGV[3])
return is_dead and 1 or 0
