-- Stores a new saga at revision 1, and its idempotency key with it.
-- KEYS: as in write.lua, then 11 all sagas, 12 record of the idempotency key, 13 saga that the key leads to and that was
--       found to be missing, or any, 14 audit, where something is told there
-- ARGV: as in write.lua, then 13 machine, 14 SHA-256 of the idempotency key or empty, 15 digest of the body,
--       16 STARTED sagas of the partition at most, 17 trace or empty, 18 id of that missing saga or empty; where
--       something is told in the audit: 19 the end to which that is linked, 20 number of lines, 21... these; then counters
-- Returns: code, log entries, remaining ms, the store's clock, id of the saga that exists, or where the audit has another end
--          its last line and that end

local now = clock(ARGV[1])
local id = ARGV[2]

if ARGV[14] ~= '' then
  local known = lenient('GET', KEYS[12])
  if known == nil then return { KEY_UNREADABLE, 0, 0, now, '' } end
  if known then
    local first, digest = string.match(known, '^(%S+) (.*)$')
    if not first then return { KEY_UNREADABLE, 0, 0, now, '' } end
    -- A create that was cut off before its record has left a key that leads to nothing.
    local isLeft = first == ARGV[18] and redis.call('EXISTS', KEYS[13]) == 0
    if digest ~= ARGV[15] and not isLeft then return { KEY_REUSED, 0, 0, now, first } end
    if first ~= id and not isLeft then return { EXISTS, 0, 0, now, first } end
  end
end

local found = read(KEYS[1], { 'revision', 'write_id' })
local revision, recorded = found[1], found[2]
if revision ~= '' then
  -- A repetition of this very create, while nothing has been written since.
  if revision == '1' and recorded == ARGV[4] then
    return { DONE, repeated(), remaining(KEYS[1], now), now, id }
  end
  return { EXISTS, 0, 0, now, id }
end

local running = ARGV[9] == 'STARTED' and lenient('ZCARD', KEYS[7]) or 0
if running >= tonumber(ARGV[16]) then return { FULL, 0, 0, now, '' } end

local audit, told, first = KEYS[14], nil, 19
if audit then
  local other, last
  told, other, last = toldIn(audit, 19)
  if not told then return { UNLINKED, 0, 0, now, last, other } end
  first = 21 + #told
end

if ARGV[14] ~= '' then redis.call('SET', KEYS[12], id .. ' ' .. ARGV[15]) end
-- By this a claim finds what is left of a create that was cut off: the whole saga, or parts that it removes.
local at, ends = whole(now), whole(now + tonumber(ARGV[10]))
redis.call('ZADD', KEYS[5], ends, id)
lenient('ZADD', KEYS[11], '0', id)
local more = { 'machine', ARGV[13], 'parked', ARGV[12], 'created', at, 'key', ARGV[14] }
if ARGV[17] ~= '' then more[9], more[10] = 'trace', ARGV[17] end
local seq = write(now, at, ends, '1', nil, '', 0, counted(first, '', false), more, audit, ARGV[19], told)
return { DONE, seq, granted(), now, id }
