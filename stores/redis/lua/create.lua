-- Stores a new saga at revision 1, and its idempotency key with it.
-- KEYS: as in write.lua; before its last 12 all sagas, 13 record of the idempotency key, 14 saga that the key leads to and that
--       was found to be missing, or any, 15 audit, where something is told there
-- ARGV: as in write.lua; before its last 15 machine, 16 SHA-256 of the idempotency key or empty, 17 digest of the body,
--       18 STARTED sagas of the partition at most, 19 trace or empty, 20 id of that missing saga or empty; where
--       something is told in the audit: 21 the end to which that is linked, 22 number of lines, 23... these; then counters
-- Returns: code, log entries, remaining ms, the store's clock, id of the saga that exists, or where the audit has another end
--          its last line and that end

local now = clock(ARGV[1])
local id = ARGV[2]

if ARGV[16] ~= '' then
  local known = lenient('GET', KEYS[13])
  if known == nil then return { KEY_UNREADABLE, 0, 0, now, '' } end
  if known then
    local first, isSame = led(known, ARGV[17])
    if not first then return { KEY_UNREADABLE, 0, 0, now, '' } end
    -- A create that was cut off before its record has left a key that leads to nothing.
    local isLeft = first == ARGV[20] and redis.call('EXISTS', KEYS[14]) == 0
    if not isSame and not isLeft then return { KEY_REUSED, 0, 0, now, first } end
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
if running >= tonumber(ARGV[18]) then return { FULL, 0, 0, now, '' } end

local audit, told, first = #KEYS - termCount(ARGV[#ARGV]) > 14 and KEYS[15], nil, 21
if audit then
  local other, last
  told, other, last = toldIn(audit, 21)
  if not told then return { UNLINKED, 0, 0, now, last, other } end
  first = 23 + #told
end

if ARGV[16] ~= '' then redis.call('SET', KEYS[13], id .. ' ' .. ARGV[17]) end
-- By this a claim finds what is left of a create that was cut off: the whole saga, or parts that it removes.
local at, ends = whole(now), whole(now + tonumber(ARGV[10]))
redis.call('ZADD', KEYS[5], ends, id)
lenient('ZADD', KEYS[12], '0', id)
local more = { 'machine', ARGV[15], 'parked', ARGV[12], 'created', at, 'key', ARGV[16] }
if ARGV[19] ~= '' then more[9], more[10] = 'trace', ARGV[19] end
local cause, changes = counted(KEYS[3], ARGV[13], ARGV[14]), countedBy(first, '', false)
recount(changes, '', cause)
if cause ~= '' then
  for _, text in ipairs({ 'cause', cause, 'parkings', '1' }) do more[#more + 1] = text end
end
local seq = write(now, at, ends, '1', nil, '', 0, changes, more, audit, ARGV[21], told)
return { DONE, seq, granted(), now, id }
