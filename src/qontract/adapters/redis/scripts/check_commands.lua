-- Say which of these commands the server does not have, and which this user may not give; and try to write.
-- It has no flags: so an older server runs it, and a full one, and a replica.
-- KEYS: a key of no use to anybody. ARGV: for how many milliseconds that is written, 0: not at all; then in JSON the
--   commands, each a list.
-- Answer: 'old', if the server is too old to say; or the commands that it has not, those that are refused, by number,
--   and why nothing can be written, or ''.
if not redis.acl_check_cmd then return 'old' end
local missing, refused = {}, {}
for i, command in ipairs(cjson.decode(ARGV[2])) do
  local is_known, is_allowed = pcall(redis.acl_check_cmd, unpack(command))
  if not is_known then missing[#missing + 1] = i elseif not is_allowed then refused[#refused + 1] = i end
end
local tries = ARGV[1] ~= '0' and #missing + #refused == 0
local written = tries and redis.pcall('SET', KEYS[1], '', 'PX', ARGV[1])
return {missing, refused, written and written.err or ''}
