-- Stores new sagas as most are: one runs at once, and nothing of it is there yet. Whatever is found is for create.lua, which is
-- asked then: nothing has happened. There may be sagas of several partitions; see `each`. The order is that of books.lua,
-- which says why.
-- KEYS, for each saga: 1 saga, 2 log, 3 counters, 4 events, 5 due, 6 index of STARTED, 7 all sagas, 8 record of the
--       idempotency key, or the saga again, then as `enter` has them
-- ARGV: 1 clock offset, 2 length of the event stream, 3 STARTED sagas of a partition at most, then for each saga how many
--       follow, and 1 id, 2 write id, 3 snapshot, 4 summary but for its state, 5 state, 6 log entry, 7 span in ms,
--       8 owner as `boot name` or empty, 9 what the idempotency key leads to: id and digest of the body, or empty,
--       10 number of counters, then these, as name and number, and further fields of the record; the last as `enter` has it
-- Returns: the store's clock, then for each the number of its log entries; 0 where it is for create.lua

return each(8, 4, function(now, k, a)
  local saga, id, counters, count = KEYS[k + 1], ARGV[a + 1], KEYS[k + 3], tonumber(ARGV[a + 10])
  local mark, isLed = 'mark:' .. id, ARGV[a + 9] ~= ''
  if redis.call('EXISTS', saga, KEYS[k + 2], KEYS[k + 8]) > 0 then return 0 end
  if (lenient('ZCARD', KEYS[k + 6]) or 0) >= tonumber(ARGV[3]) then return 0 end
  local names, last = { mark, '', '', '' }, a + 10 + 2 * count
  for i = 1, count do names[i + 1] = ARGV[a + 9 + 2 * i] end
  local found = lenient('HMGET', counters, unpack(names, 1, count + 1)) or {}
  if textOf(found[1]) ~= '' then return 0 end

  local at, endsAt = whole(now), whole(now + tonumber(ARGV[a + 7]))
  -- By these two a claim finds what is left of a create that was cut off.
  if isLed then redis.call('SET', KEYS[k + 8], ARGV[a + 9]) end
  redis.call('ZADD', KEYS[k + 5], endsAt, id)
  lenient('ZADD', KEYS[k + 7], '0', id)

  local said = ARGV[a + 2] .. '\n' .. endsAt .. '\n'
  if count > 0 then said = said .. '\n' .. table.concat(ARGV, '\n', a + 11, last) end
  local set = { mark, said, '', '', '', '', '', '' }
  for i = 1, count do
    set[2 * i + 1], set[2 * i + 2] = names[i + 1], counting(sumOf(found[i + 1]) + tonumber(ARGV[a + 10 + 2 * i]))
  end
  lenient('HSET', counters, unpack(set, 1, 2 * count + 2))
  enter(ARGV[a + ARGV[a]], '', k + 8)
  redis.call('RPUSH', KEYS[k + 2], ARGV[a + 6])
  redis.call('HSET', saga, 'revision', '1', 'write_id', ARGV[a + 2], 'snapshot', ARGV[a + 3], 'summary', ARGV[a + 4],
    'state', ARGV[a + 5], 'status', 'STARTED', 'seq', '1', 'updated', at, 'owner', ARGV[a + 8], 'due', endsAt,
    'parked', '', 'created', at, unpack(ARGV, last + 1, a + ARGV[a] - 1))
  lenient('ZADD', KEYS[k + 6], '0', id)
  announce(KEYS[k + 4], ARGV[2], id, '1', ARGV[a + 5], 'STARTED')
  lenient('HDEL', counters, mark)
  return 1
end)
