#!lua flags=allow-oom
-- Show that groups are alive.
-- KEYS: when each group was alive. ARGV: groups.
-- Answer: nothing.
local now = redis.call('TIME')[1]
for _, name in ipairs(ARGV) do redis.call('HSET', KEYS[1], name, now) end
