-- Removes those ended sagas of one partition whose time has come, with log, key and indexes.
-- KEYS: 1 ended, 2 counters, 3 all sagas, 4 index of COMPLETED, 5 index of FAILED,
--       6 index of parked sagas by cause, then for each saga: saga, log, record of its idempotency key (of no key where it has
--       none), then for each saga the buckets of its terms
-- ARGV: 1 clock offset, 2 by how many ms they may go early, 3... ids, and for each what `enter` was told of its terms, or empty
-- Returns: the store's clock, how many were removed

local now = clock(ARGV[1])
local upTo = now + tonumber(ARGV[2])
local purged = 0

local buckets = 6 + (#ARGV - 2) / 2 * 3
for i = 3, #ARGV, 2 do
  local id, said, first = ARGV[i], ARGV[i + 1], (i - 3) / 2 * 3 + 7
  local saga, bucket = KEYS[first], buckets
  buckets = buckets + termCount(said)
  -- Asked again here: between the caller's look and now a saga may have been reopened, or purged by another.
  local purgeAt = redis.call('ZSCORE', KEYS[1], id)
  -- One that was indexed since its terms were read has its turn in the next round.
  if purgeAt and tonumber(purgeAt) <= upTo and field(saga, 'find') == string.sub(said, 9) then
    local fields, recorded, changes, cause = lenient('HGETALL', saga) or {}, '', {}, ''
    for f = 1, #fields, 2 do
      if fields[f] == 'write_id' then recorded = fields[f + 1] end
      -- An older release has taken it up without looking at that.
      if fields[f] == 'cause' then cause = fields[f + 1] end
      local held, resting = string.match(fields[f], '^held:(.*)$'), string.match(fields[f], '^%+(.*)$')
      if held or resting then
        changes[#changes + 1] = held or resting .. '.held'
        changes[#changes + 1] = whole(0.0 - sumOf(fields[f + 1]))
      end
    end
    -- What frees memory comes first: a Redis that is full refuses any other first write, and takes all that come after it.
    -- The record tells what to take back, so it goes when that is done; and the index of ended sagas leads here, so it is
    -- the last.
    redis.call('DEL', KEYS[first + 1], KEYS[first + 2])
    for n = 1, termCount(said) do
      leave(KEYS[bucket + n], string.sub(said, 9 * n + 4, 9 * n + 6) .. string.sub(said, 1, 8))
    end
    recount(changes, cause, '')
    book(KEYS[2], id, recorded, 'purge', '', changes, nil)
    redis.call('DEL', saga)
    for index = 3, 5 do lenient('ZREM', KEYS[index], id) end
    place(KEYS[6], KEYS[2], saga, id, changes, 1)
    settled(KEYS[2], id)
    lenient('ZREM', KEYS[1], id)
    purged = purged + 1
  end
end

return { now, purged }
