#!lua flags=no-writes
-- Look at what was redriven for a subscription and is not acknowledged. No event is sent.
-- KEYS: the redriven stream, the records. ARGV: the id after which it looks, how many it looks at.
-- Answer: a flat list: id, mark (redrive_marks.py) or '', record or ''.
local flat = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
  local mark = ''
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'redriven' then mark = entry[2][i + 1] end
  end
  flat[#flat + 1], flat[#flat + 2] = entry[1], mark
  flat[#flat + 1] = redis.call('HGET', KEYS[2], 'redriven/' .. entry[1]) or ''
end
return flat
