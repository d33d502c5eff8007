-- Replaces what a saga is, as most commits do: a running saga goes on running, nobody has asked anything of it, and what it
-- counts is only what it holds. Anything else is for commit.lua: nothing has happened then, and that one is asked.
-- The record is the last that is written: by it this has happened, or not. Cut off before, it leaves what harms nobody: a
-- line that the log's next append drops, an event too many, and a due entry that is too early. So it needs no mark; and one
-- that stands is none of the write before it, because nobody is told of a write's fence before its mark has gone.
-- KEYS: 1 saga, 2 log, 3 events, 4 due
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state, 7 state,
--       8 log entry, 9 span in ms, 10 owner as `boot name` or empty, 11 expected revision, 12 expected write id,
--       13... counters of what is held
-- Returns: code, log entries, remaining ms, the store's clock

local saga, id = KEYS[1], ARGV[2]
local found = redis.pcall('HMGET', saga, 'revision', 'write_id', 'status', 'signalled', 'seq', 'due', 'owed')
local isIt = found[1] == ARGV[11] and found[2] == ARGV[12] and found[3] == 'STARTED' and textOf(found[4]) == ''
local seq = isIt and digits(textOf(found[5]))
if not seq or seq >= LOG_MAX then return { NOT_SIMPLE, 0, 0, 0 } end

local now = clock(ARGV[1])
local endsAt, due = now + tonumber(ARGV[9]), digits(textOf(found[6]))
-- The index may lead here early, and never late: see books.lua.
if not due or endsAt < due then redis.call('ZADD', KEYS[4], whole(endsAt), id) end

seq = seq + 1
local kept, number = redis.pcall('RPUSH', KEYS[2], ARGV[8]), whole(seq)
if kept ~= seq then
  -- It lacks some of its lines or has too many, or is no list.
  if type(kept) == 'number' then redis.call('LTRIM', KEYS[2], 0, -2) end
  return { NOT_SIMPLE, 0, 0, 0 }
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'id', id, 'seq', number, 'state', ARGV[7], 'status', 'STARTED')

local owed = textOf(found[7])
for i = 13, #ARGV, 2 do owed = owing(owed, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', saga, 'revision', whole(tonumber(ARGV[11]) + 1), 'write_id', ARGV[4], 'snapshot', ARGV[5],
  'summary', ARGV[6], 'state', ARGV[7], 'seq', number, 'updated', whole(now), 'owner', ARGV[10],
  'due', whole(endsAt), 'claims', '', 'owed', owed)
return { DONE, seq, ARGV[10] == '' and 0 or tonumber(ARGV[9]), now }
