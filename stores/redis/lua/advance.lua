-- Replaces what sagas are, as most commits do: a running saga goes on running, and nobody has asked anything of it. Anything else
-- is for commit.lua, which is asked then. There may be sagas of several partitions; see `each`.
-- The record is the last that is written: by it this has happened, or not. Cut off before, it leaves what harms nobody: a
-- line that the log's next append drops, an event too many, and a due entry that is too early. So it needs no mark; and one
-- that stands is none of the write before it, because nobody is told of a write's fence before its mark has gone.
-- KEYS, for each saga: 1 saga, 2 log, 3 events, 4 due, then as `enter` has them
-- ARGV: 1 clock offset, 2 length of the event stream, then for each saga how many follow, and 1 id, 2 write id, 3 snapshot,
--       4 summary but for its state, 5 state, 6 log entry, 7 span in ms, 8 owner as `boot name`, 9 expected revision,
--       10 expected write id, 11 revision, 12... counters, as name and number; the last as `enter` has it
-- Returns: the store's clock, then for each the number of its log entries; 0 where it is for commit.lua

return each(4, 3, function(now, k, a)
  local saga, id = KEYS[k + 1], ARGV[a + 1]
  local found = lenient('HMGET', saga, 'revision', 'write_id', 'status', 'signalled', 'seq', 'due', 'owed', 'claims',
    'find') or {}
  if found[1] ~= ARGV[a + 9] or found[2] ~= ARGV[a + 10] or found[3] ~= 'STARTED' or textOf(found[4]) ~= '' then return 0 end
  local seq = digits(textOf(found[5]))
  if not seq or seq >= LOG_MAX then return 0 end

  local endsAt, due, owed = now + tonumber(ARGV[a + 7]), digits(textOf(found[6])), textOf(found[7])
  local ends = whole(endsAt)
  -- The index may lead here early, and never late.
  if not due or endsAt < due then redis.call('ZADD', KEYS[k + 4], ends, id) end

  seq = seq + 1
  local length, number = redis.pcall('RPUSH', KEYS[k + 2], ARGV[a + 6]), counting(seq)
  if length ~= seq then
    -- It lacks some of its lines or has too many, or is no list.
    if type(length) == 'number' then redis.call('LTRIM', KEYS[k + 2], 0, -2) end
    return 0
  end
  local state, events = ARGV[a + 5], KEYS[k + 3]
  -- The feed is cut to its length by creates and ends; and now and then by a saga that goes on and on.
  if seq % 10 == 0 or not lenient('XADD', events, '*', 'id', id, 'seq', number, 'state', state, 'status', 'STARTED') then
    announce(events, ARGV[2], id, number, state, 'STARTED')
  end
  for i = a + 12, a + ARGV[a] - 1, 2 do owed = owing(owed, ARGV[i], ARGV[i + 1]) end
  -- Who has taken it has come further by this.
  if textOf(found[8]) ~= '' then redis.call('HSET', saga, 'claims', '') end
  local said = ARGV[a + ARGV[a]]
  local terms = said ~= '' and { 'find', enter(said, textOf(found[9]), k + 4) } or {}
  redis.call('HSET', saga, 'revision', ARGV[a + 11], 'write_id', ARGV[a + 2], 'snapshot', ARGV[a + 3], 'summary', ARGV[a + 4],
    'state', state, 'seq', number, 'updated', whole(now), 'owner', ARGV[a + 8], 'due', ends, 'owed', owed,
    unpack(terms))
  return seq
end)
