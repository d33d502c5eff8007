-- Replaces what a saga is, if it still stands at the expected fence.
-- KEYS: as in write.lua
-- ARGV: as in write.lua, then 13 expected revision, 14 expected write id, 15 number of signals seen or empty,
--       16... counters
-- Returns: code, log entries, remaining ms, the store's clock, and where signals are pending their text

local now = clock(ARGV[1])
local revision, writeId, status, signalled = fields(KEYS[1], 'revision', 'write_id', 'status', 'signalled')
if revision == '' then return { MISSING, 0, 0, now } end

local raised = whole(tonumber(ARGV[13]) + 1)
if revision == ARGV[13] and writeId == ARGV[14] then
  if signalled ~= ARGV[15] then return { SIGNALLED, 0, 0, now, field(KEYS[1], 'signals') } end
  local seq = write(now, raised, status, 16)
  return { DONE, seq, granted(), now }
end
-- A repetition of this very commit, whose reply was lost.
if revision == raised and writeId == ARGV[4] then
  return { DONE, tonumber(field(KEYS[1], 'seq')), remaining(KEYS[1], now), now }
end
return { STALE, 0, 0, now }
