-- Gives back those sagas of one partition that still stand at their fence: free, and due at once. Whoever gives one back has
-- outlived it, and so does not count among those that took it.
-- KEYS: for each saga: saga, due
-- ARGV: 1 clock offset, then for each saga: id, revision, write id
-- Returns: the store's clock

local now = clock(ARGV[1])

for i = 0, #KEYS / 2 - 1 do
  local saga, due = KEYS[i * 2 + 1], KEYS[i * 2 + 2]
  local id, revision, writeId = ARGV[i * 3 + 2], ARGV[i * 3 + 3], ARGV[i * 3 + 4]
  if held(saga, revision, writeId) then
    -- The index goes first: cut off between the two, it is released by the repetition.
    redis.call('ZADD', due, whole(now), id)
    local claims = takersBut(field(saga, 'claims'), field(saga, 'owner'))
    redis.call('HSET', saga, 'owner', '', 'due', whole(now), 'claims', claims)
  end
end

return { now }
