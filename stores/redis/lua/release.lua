-- Gives back those sagas of one partition that still stand at their fence: free, and due at once.
-- KEYS: for each saga: saga, due
-- ARGV: 1 clock offset, then for each saga: id, revision, write id
-- Returns: the store's clock

local now = clock(ARGV[1])

for i = 0, #KEYS / 2 - 1 do
  local saga, due = KEYS[i * 2 + 1], KEYS[i * 2 + 2]
  local id, revision, writeId = ARGV[i * 3 + 2], ARGV[i * 3 + 3], ARGV[i * 3 + 4]
  if held(saga, revision, writeId) then
    redis.call('HSET', saga, 'owner', '', 'due', whole(now))
    redis.call('ZADD', due, whole(now), id)
  end
end

return { now }
