-- Says which machines a coordinator runs, if no version of them is declared with another structure that is needed.
-- KEYS: 1 structures by version, 2 versions by the end of their last declaration, 3 declarations by their end, each
--       as `version boot name`
-- ARGV: 1 clock offset, 2 owner's name, 3 its boot number, 4 span in ms, then for each machine: version, structure,
--       the structure that may be replaced, because no saga needs it, or empty; * where this boot has declared the
--       same before
-- Returns: the store's clock, then for each version that disagrees its position, the structure declared, and the
--          names of other coordinators that run it, one a line

local now = clock(ARGV[1])
local endsAt = whole(now + tonumber(ARGV[4]))
local reply = { now }

-- What this coordinator has said itself, or an older boot of it, which is known to be gone.
local function isReplaced(boot, name)
  return name == ARGV[2] and tonumber(boot) <= tonumber(ARGV[3])
end

redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', whole(now))
local live = redis.call('ZRANGE', KEYS[3], 0, -1)

for i = 5, #ARGV, 3 do
  local declared = field(KEYS[1], ARGV[i])
  if declared ~= '' and declared ~= ARGV[i + 1] then
    local names, isKept = '', false
    for m = 1, #live do
      local version, boot, name = string.match(live[m], '^(%S+) (%d+) (.*)$')
      if version == ARGV[i] then
        -- What this very boot has declared, and kept declared since, no coordinator can have changed: somebody edited it.
        if ARGV[i + 2] == '*' and name == ARGV[2] and boot == ARGV[3] then isKept = true end
        if not isReplaced(boot, name) then names = names .. name .. '\n' end
      end
    end
    if not isKept and (names ~= '' or declared ~= ARGV[i + 2]) then
      reply[#reply + 1] = whole((i - 5) / 3)
      reply[#reply + 1] = declared
      reply[#reply + 1] = names
    end
  end
end

if #reply == 1 then
  for m = 1, #live do
    local boot, name = string.match(live[m], '^%S+ (%d+) (.*)$')
    if isReplaced(boot, name) then redis.call('ZREM', KEYS[3], live[m]) end
  end
  for i = 5, #ARGV, 3 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[2], endsAt, ARGV[i])
    redis.call('ZADD', KEYS[3], endsAt, ARGV[i] .. ' ' .. ARGV[3] .. ' ' .. ARGV[2])
  end
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
