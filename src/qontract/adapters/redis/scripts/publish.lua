-- Publish events, in one step. A script and not MULTI: what is known already is left out, and Redis parses one command.
-- It has no flags: what is published already is left out on a full server too, and the rest is refused.
-- KEYS: the stream, the intents, then for each event the mark that it was published.
-- ARGV: '1' to keep the events in the stream, the channel or '', how many seconds a mark stays, where in a mark the name
--   of the event's intent begins, '1' to say which history the data has, then of each event its bytes and its type, then
--   the names of further intents to remove.
-- Answer: nothing, or that history: another one after a failover, or after a start. What fails in it is not undone, so an
--   event is marked when it is in the stream; the mark says where.
local intents = redis.call('TYPE', KEYS[2]).ok == 'hash' -- of another type it is not ours, and stops no event
for i = 3, #KEYS do
  local content, kind = ARGV[2 * i], ARGV[2 * i + 1]
  if redis.call('EXISTS', KEYS[i]) == 0 then
    local id = ARGV[1] == '1' and redis.call('XADD', KEYS[1], '*', '__data__', content, '__type__', kind) or ''
    redis.call('SET', KEYS[i], id, 'EX', ARGV[3])
    if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], content) end
  else
    redis.call('EXPIRE', KEYS[i], ARGV[3]) -- a write, for WAIT answers for the last one of the connection
  end
  if intents then redis.call('HDEL', KEYS[2], string.sub(KEYS[i], ARGV[4])) end
end
for i = 2 * #KEYS + 2, intents and #ARGV or 0 do redis.call('HDEL', KEYS[2], ARGV[i]) end
if ARGV[5] == '1' then return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '-' end
