#!lua flags=allow-oom
-- KEYS: a lock. ARGV: who holds it, milliseconds. One that is somebody else's, or free, is left.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
