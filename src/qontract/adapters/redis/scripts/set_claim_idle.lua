#!lua flags=allow-oom
-- Set how long entries count as idle, of those that are still this replica's. 0 is a heartbeat; with a long time, another
-- replica may claim them at once.
-- KEYS: a stream. ARGV: group, replica, milliseconds, then ids.
-- Answer: nothing.
for i = 4, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3], 'JUSTID')
  end
end
