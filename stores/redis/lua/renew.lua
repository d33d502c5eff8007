-- Lengthens the leases of those sagas of one partition that are owned and still stand at their fence.
-- KEYS: for each saga: saga, due
-- ARGV: 1 clock offset, 2 lease in ms, then for each saga: id, revision, write id
-- Returns: the store's clock, then for each saga what remains of its lease in ms, or -1 where it is lost

local now = clock(ARGV[1])
local reply = { now }

for i = 0, #KEYS / 2 - 1 do
  local saga, due = KEYS[i * 2 + 1], KEYS[i * 2 + 2]
  local id, revision, writeId = ARGV[i * 3 + 3], ARGV[i * 3 + 4], ARGV[i * 3 + 5]
  local remains = -1
  if held(saga, revision, writeId) then
    local endsAt = math.max(now + tonumber(ARGV[2]), digits(field(saga, 'due')) or 0)
    redis.call('HSET', saga, 'due', whole(endsAt))
    redis.call('ZADD', due, whole(endsAt), id)
    remains = endsAt - now
  end
  reply[#reply + 1] = remains
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
