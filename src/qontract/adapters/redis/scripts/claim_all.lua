#!lua flags=allow-oom
-- Claim a page of the entries that are not acknowledged, whoever had them, without their contents. Only the leader may:
-- what another replica claims is hidden from the leader.
-- KEYS: a stream, the lease, the records. ARGV: group, replica, where the page begins, what keys of records begin with.
-- Answer: where the next page begins, or '0-0'; and the ids of entries that have vanished from the stream. Or 'lease', if
--   the replica does not lead.
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {'lease'} end
local page = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'COUNT', 1000, 'JUSTID')
for _, id in ipairs(page[3]) do redis.call('HDEL', KEYS[3], ARGV[4] .. id) end
return {page[1], page[3]}
