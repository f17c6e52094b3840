#!lua flags=allow-oom
-- Somebody cancels a job, unless somebody has. KEYS: job. ARGV: who, and what is to be replaced if it is there: it was
-- not written by us. Returns {'unknown'}, {'ended'}, {'waiting', who}, or {'running', who}.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'unknown'} end
if redis.call('HEXISTS', KEYS[1], 'job') == 0 then return {'ended'} end
if redis.call('HGET', KEYS[1], 'cancel') == ARGV[2] then redis.call('HDEL', KEYS[1], 'cancel') end
redis.call('HSETNX', KEYS[1], 'cancel', ARGV[1])
local state = redis.call('HEXISTS', KEYS[1], 'run') == 1 and 'running' or 'waiting'
return {state, redis.call('HGET', KEYS[1], 'cancel')}
