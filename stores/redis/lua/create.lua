-- Stores a new saga at revision 1, and its idempotency key with it.
-- KEYS: as in write.lua, then 11 all sagas, 12 record of the idempotency key
-- ARGV: as in write.lua, then 13 machine, 14 SHA-256 of the idempotency key or empty, 15 digest of the body,
--       16 STARTED sagas of the partition at most, 17 trace or empty,
--       18... counters
-- Returns: code, log entries, remaining ms, the store's clock, id of the saga that exists

local now = clock(ARGV[1])
local id = ARGV[2]

if ARGV[14] ~= '' then
  local known = redis.call('GET', KEYS[12])
  if known then
    local first, digest = string.match(known, '^(%S+) (.*)$')
    if digest ~= ARGV[15] then return { KEY_REUSED, 0, 0, now, first } end
    if first ~= id then return { EXISTS, 0, 0, now, first } end
  end
end

local revision = field(KEYS[1], 'revision')
if revision ~= '' then
  -- A repetition of this very create, while nothing has been written since.
  if revision == '1' and field(KEYS[1], 'write_id') == ARGV[4] then
    return { DONE, tonumber(field(KEYS[1], 'seq')), remaining(KEYS[1], now), now, id }
  end
  return { EXISTS, 0, 0, now, id }
end

if redis.call('ZCARD', KEYS[7]) >= tonumber(ARGV[16]) then return { FULL, 0, 0, now, '' } end

if ARGV[14] ~= '' then redis.call('SET', KEYS[12], id .. ' ' .. ARGV[15]) end
redis.call('ZADD', KEYS[11], '0', id)
redis.call('HSET', KEYS[1], 'machine', ARGV[13], 'key', ARGV[14], 'created', whole(now))
if ARGV[17] ~= '' then redis.call('HSET', KEYS[1], 'trace', ARGV[17]) end
local seq = write(now, '1', nil, 18)
return { DONE, seq, granted(), now, id }
