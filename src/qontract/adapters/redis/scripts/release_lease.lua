#!lua flags=allow-oom
-- Give the lease back, if this replica has it.
-- KEYS: the lease. ARGV: replica.
-- Answer: 1 if it had it, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
