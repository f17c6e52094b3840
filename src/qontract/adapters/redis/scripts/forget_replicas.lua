#!lua flags=allow-oom
-- Take the names of replicas from a subscription: of the one that leaves, and of those that have done nothing for long.
-- One that has pending entries stays, for they would go with it.
-- KEYS: the redriven stream, the stream. ARGV: group, idle milliseconds, the replica that leaves or ''.
-- Answer: how many were taken.
local forgotten = 0
for _, stream in ipairs(KEYS) do
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, ARGV[1])) do
    local known = {}
    for i = 1, #info, 2 do known[info[i]] = info[i + 1] end
    if known['pending'] == 0 and (known['name'] == ARGV[3] or known['idle'] > tonumber(ARGV[2])) then
      redis.call('XGROUP', 'DELCONSUMER', stream, ARGV[1], known['name'])
      forgotten = forgotten + 1
    end
  end
end
return forgotten
