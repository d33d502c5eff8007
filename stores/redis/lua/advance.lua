-- Replaces what a saga is, as most commits do: a running saga goes on running, nobody has asked anything of it, and what it
-- counts is only what it holds. Anything else is for commit.lua, which is asked then.
-- The record is the last that is written: by it this has happened, or not. Cut off before, it leaves what harms nobody: a
-- line that the log's next append drops, an event too many, and a due entry that is too early. So it needs no mark; and one
-- that stands is none of the write before it, because nobody is told of a write's fence before its mark has gone.
-- KEYS: 1 saga, 2 log, 3 events, 4 due
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state, 7 state,
--       8 log entry, 9 span in ms, 10 owner as `boot name` or empty, 11 expected revision, 12 expected write id,
--       13 revision, 14... counters of what is held
-- Returns: log entries and the store's clock; nothing where it is for commit.lua

local saga, id = KEYS[1], ARGV[2]
local found = lenient('HMGET', saga, 'revision', 'write_id', 'status', 'signalled', 'seq', 'due', 'owed', 'claims') or {}
if found[1] ~= ARGV[11] or found[2] ~= ARGV[12] or found[3] ~= 'STARTED' or textOf(found[4]) ~= '' then return {} end
local seq = digits(textOf(found[5]))
if not seq or seq >= LOG_MAX then return {} end

local now = clock(ARGV[1])
local endsAt, due, owed = now + tonumber(ARGV[9]), digits(textOf(found[6])), textOf(found[7])
local ends = whole(endsAt)
-- The index may lead here early, and never late.
if not due or endsAt < due then redis.call('ZADD', KEYS[4], ends, id) end

seq = seq + 1
local length, number = redis.pcall('RPUSH', KEYS[2], ARGV[8]), counting(seq)
if length ~= seq then
  -- It lacks some of its lines or has too many, or is no list.
  if type(length) == 'number' then redis.call('LTRIM', KEYS[2], 0, -2) end
  return {}
end
-- The feed is cut to its length by creates and ends; and now and then by a saga that goes on and on.
if seq % 10 == 0 or not lenient('XADD', KEYS[3], '*', 'id', id, 'seq', number, 'state', ARGV[7], 'status', 'STARTED') then
  announce(KEYS[3], ARGV[3], id, number, ARGV[7], 'STARTED')
end
for i = 14, #ARGV, 2 do owed = owing(owed, ARGV[i], ARGV[i + 1]) end
-- Who has taken it has come further by this.
if textOf(found[8]) ~= '' then redis.call('HSET', saga, 'claims', '') end
redis.call('HSET', saga, 'revision', ARGV[13], 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6],
  'state', ARGV[7], 'seq', number, 'updated', whole(now), 'owner', ARGV[10], 'due', ends, 'owed', owed)
return { seq, now }
