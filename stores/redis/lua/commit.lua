-- Replaces what a saga is, if it still stands at the expected fence.
-- KEYS: as in write.lua
-- ARGV: as in write.lua, then 13 expected revision, 14 expected write id, 15 number of signals seen or empty,
--       16 those that stay in the mailbox, one a line, 17... counters
-- Returns: code, log entries, remaining ms, the store's clock, and where signals are pending their text

local now = clock(ARGV[1])
local found = read(KEYS[1], { 'revision', 'write_id', 'status', 'signalled', 'seq', 'owed' })
local revision, writeId, status, signalled = found[1], found[2], found[3], found[4]
if revision == '' then return { absent(KEYS[1]), 0, 0, now } end

local raised = whole(tonumber(ARGV[13]) + 1)
if revision == ARGV[13] and writeId == ARGV[14] then
  if signalled ~= ARGV[15] then
    local text = field(KEYS[1], 'signals')
    -- Their number is counted anew: were it damaged, no writer could ever have seen as many.
    local count = lines(text)
    local mended = count > 0 and whole(count) or ''
    if mended ~= signalled then redis.call('HSET', KEYS[1], 'signalled', mended) end
    if mended ~= ARGV[15] then return { SIGNALLED, 0, 0, now, text } end
  end
  local changes, owed = counted(17, found[6], ARGV[9] == 'STARTED')
  local more = { 'owed', owed }
  if ARGV[16] ~= '' then more = { 'owed', owed, 'signals', ARGV[16], 'signalled', whole(lines(ARGV[16])) } end
  local seq = write(now, raised, status, writeId, digits(found[5]) or 0, changes, more)
  return { DONE, seq, granted(), now }
end
-- A repetition of this very commit, whose reply was lost.
if revision == raised and writeId == ARGV[4] then
  return { DONE, repeated(), remaining(KEYS[1], now), now }
end
return { STALE, 0, 0, now }
