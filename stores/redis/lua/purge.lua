-- Removes those ended sagas of one partition whose time has come, with log, key and indexes.
-- KEYS: 1 ended, 2 counters, 3 all sagas, 4 index of COMPLETED, 5 index of FAILED,
--       then for each saga: saga, log, record of its idempotency key (of no key where it has none)
-- ARGV: 1 clock offset, 2... ids
-- Returns: the store's clock, how many were removed

local now = clock(ARGV[1])
local purged = 0

for i = 2, #ARGV do
  local id, first = ARGV[i], (i - 2) * 3 + 6
  local saga = KEYS[first]
  -- Asked again here: between the caller's look and now a saga may have been reopened, or purged by another.
  local purgeAt = redis.call('ZSCORE', KEYS[1], id)
  if purgeAt and tonumber(purgeAt) <= now then
    local fields = redis.call('HGETALL', saga)
    for f = 1, #fields, 2 do
      if string.sub(fields[f], 1, 5) == 'held:' then
        -- 0 - n, because -n makes -0 of 0, which is no integer to Redis.
        redis.call('HINCRBY', KEYS[2], string.sub(fields[f], 6), whole(0 - tonumber(fields[f + 1])))
      end
    end
    redis.call('DEL', saga, KEYS[first + 1], KEYS[first + 2])
    for index = 1, 5 do
      if index ~= 2 then redis.call('ZREM', KEYS[index], id) end
    end
    purged = purged + 1
  end
end

return { now, purged }
