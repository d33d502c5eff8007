-- Second prelude of create and commit: the write that both are.
-- KEYS: 1 saga, 2 log, 3 counters, 4 events, 5 due, 6 ended, 7 to 10 the indexes of
--       STARTED, COMPLETED, FAILED and ABORTED
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state,
--       7 state, 8 log entries, one a line, 9 status, 10 span in ms (of the lease, the delay or the retention),
--       11 owner as `boot name` or empty, 12 parked or empty

local INDEX = { STARTED = KEYS[7], COMPLETED = KEYS[8], FAILED = KEYS[9], ABORTED = KEYS[10] }

-- `before` is the status until now, nil for a new saga; counters start at ARGV[counters], as name and number.
-- Returns the number of log entries.
local function write(now, revision, before, counters)
  local saga, id, status = KEYS[1], ARGV[2], ARGV[9]
  local endsAt, due = whole(now + tonumber(ARGV[10])), ''

  if status ~= before then
    if before then redis.call('ZREM', INDEX[before], id) end
    redis.call('ZADD', INDEX[status], '0', id)
  end
  if status == 'STARTED' then
    due = endsAt
    redis.call('ZADD', KEYS[5], endsAt, id)
  elseif before then
    -- Also where it was parked: a signal had made it due.
    redis.call('ZREM', KEYS[5], id)
  end
  if ended(status) then
    redis.call('ZADD', KEYS[6], endsAt, id)
  elseif before and ended(before) then
    redis.call('ZREM', KEYS[6], id)
  end

  if status ~= 'STARTED' and (before == nil or before == 'STARTED') then settle(KEYS[3], now) end
  for i = counters, #ARGV, 2 do
    redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
    -- The saga remembers what it holds, so that purge can take it back.
    if string.sub(ARGV[i], -5) == '.held' then
      redis.call('HINCRBY', saga, 'held:' .. ARGV[i], ARGV[i + 1])
    end
  end

  local seq
  for entry in string.gmatch(ARGV[8], '[^\n]+') do seq = append(KEYS[2], entry) end
  redis.call('HSET', saga,
    'revision', revision, 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6], 'state', ARGV[7],
    'status', status, 'parked', ARGV[12], 'seq', whole(seq), 'updated', whole(now), 'owner', ARGV[11], 'due', due,
    'claims', '0', 'signals', '', 'signalled', '')
  announce(KEYS[4], ARGV[3], id, whole(seq), ARGV[7], status)
  return seq
end

-- What remains of the lease that a write has just granted.
local function granted()
  if ARGV[11] == '' then return 0 end
  return tonumber(ARGV[10])
end
