-- Stores a new saga as most are: it runs at once, and nothing of it is there yet. Whatever is found is for create.lua, which is
-- asked then: nothing has happened. The order is that of books.lua, which says why.
-- KEYS: 1 saga, 2 log, 3 counters, 4 events, 5 due, 6 index of STARTED, 7 all sagas, 8 record of the idempotency key, if any
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state, 7 state,
--       8 log entry, 9 span in ms, 10 owner as `boot name` or empty, 11 STARTED sagas of the partition at most,
--       12 what the idempotency key leads to: id and digest of the body, 13 counters, as name and number, one a line,
--       14 number of counters, then their names, their numbers, and further fields of the record
-- Returns: log entries and the store's clock; nothing where it is for create.lua

local saga, id, counters, mark, count = KEYS[1], ARGV[2], KEYS[3], 'mark:' .. ARGV[2], tonumber(ARGV[14])
if redis.call('EXISTS', saga, KEYS[2], KEYS[8] or saga) > 0 then return {} end
if (lenient('ZCARD', KEYS[6]) or 0) >= tonumber(ARGV[11]) then return {} end
local found = lenient('HMGET', counters, mark, unpack(ARGV, 15, 14 + count)) or {}
if textOf(found[1]) ~= '' then return {} end

local now = clock(ARGV[1])
local at, endsAt = whole(now), whole(now + tonumber(ARGV[9]))
-- By these two a claim finds what is left of a create that was cut off.
if KEYS[8] then redis.call('SET', KEYS[8], ARGV[12]) end
redis.call('ZADD', KEYS[5], endsAt, id)
lenient('ZADD', KEYS[7], '0', id)

local set = { mark, ARGV[4] .. '\n' .. endsAt .. '\n\n' .. ARGV[13], '', '', '', '', '', '' }
for i = 1, count do
  set[2 * i + 1], set[2 * i + 2] = ARGV[14 + i], counting(sumOf(found[i + 1]) + tonumber(ARGV[14 + count + i]))
end
lenient('HSET', counters, unpack(set, 1, 2 * count + 2))
redis.call('RPUSH', KEYS[2], ARGV[8])
redis.call('HSET', saga, 'revision', '1', 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6], 'state', ARGV[7],
  'status', 'STARTED', 'seq', '1', 'updated', at, 'owner', ARGV[10], 'due', endsAt, 'parked', '', 'created', at,
  unpack(ARGV, 15 + 2 * count))
lenient('ZADD', KEYS[6], '0', id)
announce(KEYS[4], ARGV[3], id, '1', ARGV[7], 'STARTED')
lenient('HDEL', counters, mark)
return { 1, now }
