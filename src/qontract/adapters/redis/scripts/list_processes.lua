-- Say which processes were seen, the latest first.
-- KEYS: the processes, when each was seen. ARGV: how many at most, how many bytes a record has at most.
-- Answer: the time in milliseconds, then of each process its name, when it was seen, and its record.
local time = redis.call('TIME')
local answer = {tostring(time[1] * 1000 + math.floor(time[2] / 1000))}
local seen = redis.call('ZREVRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #seen, 2 do
  local bytes = redis.call('HSTRLEN', KEYS[1], seen[i])
  if bytes > 0 and bytes <= tonumber(ARGV[2]) then
    answer[#answer + 1], answer[#answer + 2] = seen[i], seen[i + 1]
    answer[#answer + 1] = redis.call('HGET', KEYS[1], seen[i])
  end
end
return answer
