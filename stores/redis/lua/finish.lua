-- Ends a running saga as most end: nobody has asked anything of it, and nothing of it was cut off. Whatever is otherwise is for
-- commit.lua, which is asked then. The order is that of books.lua, which says why.
-- KEYS: 1 saga, 2 log, 3 counters, 4 events, 5 due, 6 ended, 7 index of STARTED, 8 index of the new status
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state, 7 state,
--       8 log entry, 9 retention in ms, 10 status, 11 expected revision, 12 expected write id, 13 revision,
--       14 counter of what is held or empty, 15 its number, 16 the other counters, as name and number, one a line,
--       17 their number, then their names and their numbers
-- Returns: log entries and the store's clock; nothing where it is for commit.lua

local saga, id, counters, mark, count = KEYS[1], ARGV[2], KEYS[3], 'mark:' .. ARGV[2], tonumber(ARGV[17])
local found = lenient('HMGET', saga, 'revision', 'write_id', 'status', 'seq', 'owed', 'signalled', 'signals', 'parked',
  'claims', 'held:' .. ARGV[14]) or {}
if found[1] ~= ARGV[11] or found[2] ~= ARGV[12] or found[3] ~= 'STARTED' then return {} end
if textOf(found[6]) .. textOf(found[7]) .. textOf(found[8]) .. textOf(found[9]) ~= '' then return {} end
local seq, owed = digits(textOf(found[4])), textOf(found[5])
if not seq or seq >= LOG_MAX then return {} end

-- What it owes is paid with what this write counts of it, where it is one counter.
local held, heldNumber, heldBefore = ARGV[14], tonumber(ARGV[15]), textOf(found[10])
if owed ~= '' then
  local name, number = string.match(owed, '^([^\n]+)\n(%-?%d+)$')
  if not name or #number > 15 or (held ~= '' and held ~= name) then return {} end
  if held == '' then heldBefore = field(saga, 'held:' .. name) end
  held, heldNumber = name, heldNumber + tonumber(number)
end

local now = clock(ARGV[1])
local at, endsAt, bucket = whole(now), whole(now + tonumber(ARGV[9])), whole(math.floor(now / 5000))
local place = placeOf(bucket)
local sums = lenient('HMGET', counters, mark, place, held, unpack(ARGV, 18, 17 + count)) or {}
if textOf(sums[1]) ~= '' then return {} end

local settledThen, settled = string.match(textOf(sums[2]), '^(%d+) (%d+)$')
if settledThen ~= bucket then settled = 0 end
local said = ARGV[4] .. '\n' .. endsAt .. '\n' .. bucket
if count > 0 then said = said .. '\n' .. ARGV[16] end
local set, n = { mark, said, place, bucket .. ' ' .. counting(settled + 1), '', '', '', '', '', '' }, 4
for i = 1, count do
  set[n + 1], set[n + 2] = ARGV[17 + i], counting(sumOf(sums[i + 3]) + tonumber(ARGV[17 + count + i]))
  n = n + 2
end
local kept = {}
if held ~= '' then
  set[2] = said .. '\n' .. held .. '\n' .. counting(heldNumber)
  set[n + 1], set[n + 2] = held, counting(sumOf(sums[3]) + heldNumber)
  n = n + 2
  kept = { 'held:' .. held, counting(sumOf(heldBefore) + heldNumber), 'owed', '' }
end
lenient('HSET', counters, unpack(set, 1, n))

local number = counting(seq + 1)
local length = redis.pcall('RPUSH', KEYS[2], ARGV[8])
if length ~= seq + 1 then
  if type(length) == 'number' then redis.call('LTRIM', KEYS[2], 0, -2) end
  return {}
end
redis.call('HSET', saga, 'revision', ARGV[13], 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6],
  'state', ARGV[7], 'status', ARGV[10], 'seq', number, 'updated', at, 'owner', '', 'due', '', unpack(kept))
lenient('ZADD', KEYS[8], '0', id)
lenient('ZREM', KEYS[7], id)
lenient('ZADD', KEYS[6], endsAt, id)
announce(KEYS[4], ARGV[3], id, number, ARGV[7], ARGV[10])
lenient('HDEL', counters, mark)
redis.call('ZREM', KEYS[5], id)
return { seq + 1, now }
