-- What the scripts of readers begin with (lua_scripts.py): the parts of an entry, whether its type is wanted, and
-- which history the data of the server has: another one after a failover, or after a start.
local MAX_TYPE_LENGTH = 1000 -- bytes: to match a longer one may take too long, for the time grows faster than its length
local matched = {}

local function parts(fields)
  local content, kind = fields, false
  for i = 1, #fields, 2 do
    if fields[i] == '__data__' then content = fields[i + 1] elseif fields[i] == '__type__' then kind = fields[i + 1] end
  end
  return content, kind
end

-- Say whether a type matches one of the patterns from that argument on; none: all do. So does what is not known.
local function is_wanted(kind, first_pattern)
  if not kind or #kind > MAX_TYPE_LENGTH or #ARGV < first_pattern then return true end
  if matched[kind] == nil then
    matched[kind] = false
    for i = first_pattern, #ARGV do
      local is_pattern, at = pcall(string.find, kind, ARGV[i]) -- an error here would lose what was read with NOACK
      matched[kind] = matched[kind] or not is_pattern or at ~= nil
    end
  end
  return matched[kind]
end

local function history() return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '-' end

