#!lua flags=allow-oom
-- Keep what is known of the attempts at entries, of those that are this replica's: what is ended has no record.
-- KEYS: a stream, the records. ARGV: group, replica, what keys of records begin with, then id, record, id, record.
-- Answer: nothing.
for i = 4, #ARGV, 2 do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[3] .. ARGV[i], ARGV[i + 1])
  end
end
