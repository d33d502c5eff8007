-- Which due indexes have anything that is due: asked while nothing is, of all indexes in one call.
-- KEYS: due indexes
-- ARGV: 1 clock offset
-- Returns: the store's clock, then for each index when its first entry is due, empty where it has none; `!` of one that is none any more

local reply = { clock(ARGV[1]) }
for i = 1, #KEYS do
  local first = lenient('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
  reply[i + 1] = first and (first[2] or '') or '!'
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
