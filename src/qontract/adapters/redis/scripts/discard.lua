#!lua flags=allow-oom
-- Remove a dead letter.
-- KEYS: the dead letters, the counts of dead letters. ARGV: the letter's id.
-- Answer: 1, or 0 if there is no such letter.
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
redis.call('XDEL', KEYS[1], ARGV[1])
for i = 1, #letter[2], 2 do
  if letter[2][i] == 'subscription' and tonumber(redis.call('HGET', KEYS[2], letter[2][i + 1]) or 0) > 0 then
    redis.call('HINCRBY', KEYS[2], letter[2][i + 1], -1)
  end
end
return 1
