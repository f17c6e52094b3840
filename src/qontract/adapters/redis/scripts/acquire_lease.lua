#!lua flags=allow-oom
-- Take the lease, or keep it.
-- KEYS: the lease. ARGV: replica, milliseconds.
-- Answer: 1, or 0 if another replica has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
