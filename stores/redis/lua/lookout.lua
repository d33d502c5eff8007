-- Which due indexes have anything that is due: asked while nothing is, of all indexes in one call.
-- KEYS: due indexes
-- ARGV: 1 clock offset
-- Returns: the store's clock, then the places of those indexes among the keys; also of one that is none any more

local now = clock(ARGV[1])
local reply = { now }
for i = 1, #KEYS do
  local first = lenient('ZRANGEBYSCORE', KEYS[i], '-inf', whole(now), 'LIMIT', 0, 1)
  if not first or #first > 0 then reply[#reply + 1] = i end
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
