#!lua flags=allow-oom
-- End entries: those of the redriven stream, which are deleted, and those of the stream; and drop their records.
-- KEYS: the redriven stream, the stream, the records.
-- ARGV: group, then the ids of each stream, and the names of the records: lists in JSON, which a client sends sooner than
--   many arguments.
-- Answer: nothing.
local MOST = 1000 -- arguments of one call

local function each(list, call)
  local names = cjson.decode(list)
  for i = 1, #names, MOST do call(unpack(names, i, math.min(i + MOST - 1, #names))) end
end

each(ARGV[2], function(...)
  redis.call('XACK', KEYS[1], ARGV[1], ...)
  redis.call('XDEL', KEYS[1], ...)
end)
each(ARGV[3], function(...) redis.call('XACK', KEYS[2], ARGV[1], ...) end)
each(ARGV[4], function(...) redis.call('HDEL', KEYS[3], ...) end)
