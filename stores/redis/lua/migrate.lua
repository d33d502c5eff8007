-- Moves a saga to another version of its machine, if it still stands at the expected fence.
-- KEYS: 1 saga, 2 log, 3 counters, 4 events, 5 due of the version until now, 6 due of the new one, then as `enter` has them
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state,
--       7 state, 8 log entry, 9 machine, 10 expected revision, 11 expected write id,
--       12... counters, as name and number; the last as `enter` has it
-- Returns: code, log entries, remaining ms, the store's clock

local now = clock(ARGV[1])
local saga, id = KEYS[1], ARGV[2]
local changes = {}
for i = 12, #ARGV - 1 do changes[#changes + 1] = ARGV[i] end
local found = read(saga, { 'revision', 'write_id', 'seq', 'status', 'due', 'state' })
local revision, writeId, status, due = found[1], found[2], found[4], found[5]
if revision == '' then return { absent(saga), 0, 0, now } end

-- What follows from the record: see books.lua.
local function moved(seq, state)
  if KEYS[5] ~= KEYS[6] then redis.call('ZREM', KEYS[5], id) end
  announce(KEYS[4], ARGV[3], id, seq, state, status)
  settled(KEYS[3], id)
end

local raised = whole(tonumber(ARGV[10]) + 1)
-- A repetition of this very move, whose reply was lost, or which was cut off behind its record.
if revision == raised and writeId == ARGV[4] then
  if field(KEYS[3], markOf(id)) ~= '' then moved(found[3], found[6]) end
  return { DONE, digits(found[3]) or 0, remaining(saga, now), now }
end
if revision ~= ARGV[10] or writeId ~= ARGV[11] then return { STALE, 0, 0, now } end

book(KEYS[3], id, writeId, ARGV[4], whole(now), changes, nil)
local seq = whole(append(KEYS[2], { ARGV[8] }, digits(found[3]) or 0))
-- Before the record, so that it is found wherever this is cut off; in an index that is not its own nobody takes it.
if due ~= '' then redis.call('ZADD', KEYS[6], due, id) end
local record = {
  'revision', raised, 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6], 'state', ARGV[7],
  'seq', seq, 'updated', whole(now), 'machine', ARGV[9],
}
addHeld(record, changes, saga)
if ARGV[#ARGV] ~= '' then
  record[#record + 1] = 'find'
  record[#record + 1] = enter(ARGV[#ARGV], field(saga, 'find'), 6)
end
redis.call('HSET', saga, unpack(record))
moved(seq, ARGV[7])
return { DONE, tonumber(seq), remaining(saga, now), now }
