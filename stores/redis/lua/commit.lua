-- Replaces what a saga is, if it still stands at the expected fence.
-- KEYS: as in write.lua; before its last 12 audit, where something is told there
-- ARGV: as in write.lua; before its last 15 expected revision, 16 expected write id, 17 number of signals seen or empty,
--       18 those that stay in the mailbox, one a line; where something is told in the audit: 19 the end to which that is
--       linked, 20 number of lines, 21... these; then counters
-- Returns: code, log entries, remaining ms, the store's clock, and where signals are pending their text, or where the audit has
--          another end its last line and that end

local now = clock(ARGV[1])
local found = lenient('HMGET', KEYS[1], 'revision', 'write_id', 'status', 'signalled', 'seq', 'owed', 'due', 'claims',
  'signals', 'parked', 'cause', 'parkings') or {}
local revision, writeId, status, signalled = textOf(found[1]), textOf(found[2]), textOf(found[3]), textOf(found[4])
local signals, parked, claims = textOf(found[9]), textOf(found[10]), textOf(found[8])
if revision == '' then return { absent(KEYS[1]), 0, 0, now } end

local raised = whole(tonumber(ARGV[15]) + 1)
if revision == ARGV[15] and writeId == ARGV[16] then
  if signalled ~= ARGV[17] then
    -- Their number is counted anew: were it damaged, no writer could ever have seen as many.
    local count = lines(signals)
    local mended = count > 0 and whole(count) or ''
    if mended ~= signalled then redis.call('HSET', KEYS[1], 'signalled', mended) end
    if mended ~= ARGV[17] then return { SIGNALLED, 0, 0, now, signals } end
  end
  local audit, told, first = #KEYS - termCount(ARGV[#ARGV]) > 11 and KEYS[12], nil, 19
  if audit then
    local other, last
    told, other, last = toldIn(audit, 19)
    if not told then return { UNLINKED, 0, 0, now, last, other } end
    first = 21 + #told
  end
  local changes, owed = countedBy(first, textOf(found[6]), ARGV[11] ~= '')
  local before, cause = textOf(found[11]), counted(KEYS[3], ARGV[13], ARGV[14])
  recount(changes, before, cause)
  local more = { 'owed', owed }
  -- What is empty, and was empty, is not written once more.
  if signals .. signalled .. parked .. claims .. ARGV[12] .. ARGV[18] ~= '' then
    local left = ARGV[18] ~= '' and whole(lines(ARGV[18])) or ''
    more = { 'owed', owed, 'parked', ARGV[12], 'claims', '', 'signals', ARGV[18], 'signalled', left }
  end
  if before .. cause ~= '' then more[#more + 1], more[#more + 2] = 'cause', cause end
  if cause ~= '' and status ~= 'ABORTED' then
    more[#more + 1], more[#more + 2] = 'parkings', whole((digits(textOf(found[12])) or 0) + 1)
  end
  local endsAt, due = now + tonumber(ARGV[10]), digits(textOf(found[7]))
  -- Before the record, and only where the index might lead here too late.
  local ends = whole(endsAt)
  if ARGV[9] == 'STARTED' and (not due or endsAt < due) then redis.call('ZADD', KEYS[5], ends, ARGV[2]) end
  local seq = write(now, whole(now), ends, raised, status, writeId, digits(textOf(found[5])) or 0, changes, more,
    audit, ARGV[19], told)
  return { DONE, seq, granted(), now }
end
-- A repetition of this very commit, whose reply was lost.
if revision == raised and writeId == ARGV[4] then
  return { DONE, repeated(), remaining(KEYS[1], now), now }
end
return { STALE, 0, 0, now }
