#!lua flags=allow-oom
-- End entries: those of the redriven stream, which are deleted, and those of the stream; and drop their records.
-- How they ended is kept too, in one entry for all of them; where that cannot be, nothing else waits for it.
-- KEYS: the redriven stream, the stream, the records, the outcomes.
-- ARGV: group, then the ids of each stream, and the names of the records: lists in JSON, which a client sends sooner than
--   many arguments; then how they ended (see delivery_outcomes.py), or ''.
-- Answer: nothing.
local MAX_ARGUMENTS = 1000 -- arguments of one call

local function each(list, call)
  local names = cjson.decode(list)
  for i = 1, #names, MAX_ARGUMENTS do call(unpack(names, i, math.min(i + MAX_ARGUMENTS - 1, #names))) end
end

local outcome = {'XADD', KEYS[4], '*', 'ended', ARGV[5]}

-- An event that was redriven is found by the entry that it had first.
each(ARGV[2], function(...)
  for _, id in ipairs(ARGV[5] ~= '' and {...} or {}) do
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    for i = 1, entry and #entry[2] or 0, 2 do
      if entry[2][i] == 'entry' and #outcome < 2 * MAX_ARGUMENTS then
        outcome[#outcome + 1], outcome[#outcome + 2] = 'redriven/' .. id, entry[2][i + 1]
      end
    end
  end
  redis.call('XACK', KEYS[1], ARGV[1], ...)
  redis.call('XDEL', KEYS[1], ...)
end)
each(ARGV[3], function(...) redis.call('XACK', KEYS[2], ARGV[1], ...) end)
each(ARGV[4], function(...) redis.call('HDEL', KEYS[3], ...) end)
if ARGV[5] ~= '' then redis.pcall(unpack(outcome)) end
