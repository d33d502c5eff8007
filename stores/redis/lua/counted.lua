-- Counts a parked saga that is counted under no cause, as an older release has left it. Nobody may have it in hand; and its fence is
-- a new one, by which its mark is told from that of another write (books.lua).
-- KEYS: 1 saga, 2 counters, 3 index of parked sagas by cause
-- ARGV: 1 clock offset, 2 id, 3 write id, 4 its cause, 5 what may stand for that
-- Returns: the store's clock, and 1 where it is counted now

local saga, counters, id = KEYS[1], KEYS[2], ARGV[2]
local now = clock(ARGV[1])
local found = read(saga, { 'revision', 'write_id', 'status', 'owner', 'cause', 'parkings' })
local mark = field(counters, markOf(id))
if found[3] ~= 'ABORTED' or found[4] ~= '' or not digits(found[1]) then return { now, 0 } end
if found[5] ~= '' then
  if mark ~= '' and parts(mark)[1] == found[2] then settled(counters, id) end
  return { now, 1 }
end

local cause = counted(counters, ARGV[4], ARGV[5])
local changes = recount({}, '', cause)
book(counters, id, found[2], ARGV[3], '', changes, nil)
-- Before the record, since nothing leads anybody here but that the record has no cause.
place(KEYS[3], counters, saga, id, changes, 1, cause)
redis.call('HSET', saga, 'revision', whole(tonumber(found[1]) + 1), 'write_id', ARGV[3], 'cause', cause,
  'parkings', found[6] == '' and '1' or found[6])
settled(counters, id)
return { now, 1 }
