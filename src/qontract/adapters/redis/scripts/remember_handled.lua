#!lua flags=allow-oom
-- Remember that events were handled.
-- KEYS: a mark of each event. ARGV: milliseconds.
-- Answer: nothing.
for _, key in ipairs(KEYS) do redis.call('SET', key, '', 'PX', ARGV[1]) end
