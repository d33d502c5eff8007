-- Ends running sagas as most end: nobody has asked anything of one, and nothing of it was cut off. Whatever is otherwise is for
-- commit.lua, which is asked then. There may be sagas of several partitions; see `each`. The order is that of books.lua,
-- which says why.
-- KEYS, for each saga: 1 saga, 2 log, 3 counters, 4 events, 5 due, 6 ended, 7 index of STARTED, 8 index of the new status,
--       then as `enter` has them
-- ARGV: 1 clock offset, 2 length of the event stream, then for each saga how many follow, and 1 id, 2 write id, 3 snapshot,
--       4 summary but for its state, 5 state, 6 log entry, 7 retention in ms, 8 status, 9 expected revision,
--       10 expected write id, 11 revision, 12 one of the counters of what is held, or empty, 13... counters, as name and number;
--       the last as `enter` has it
-- Returns: the store's clock, then for each the number of its log entries; 0 where it is for commit.lua

return each(8, 3, function(now, k, a)
  local saga, id, counters, held = KEYS[k + 1], ARGV[a + 1], KEYS[k + 3], ARGV[a + 12]
  local mark = 'mark:' .. id
  local found = lenient('HMGET', saga, 'revision', 'write_id', 'status', 'seq', 'owed', 'signalled', 'signals', 'parked',
    'claims', 'held:' .. held, 'find') or {}
  if found[1] ~= ARGV[a + 9] or found[2] ~= ARGV[a + 10] or found[3] ~= 'STARTED' then return 0 end
  if textOf(found[6]) .. textOf(found[7]) .. textOf(found[8]) .. textOf(found[9]) ~= '' then return 0 end
  local seq = digits(textOf(found[4]))
  if not seq or seq >= LOG_MAX then return 0 end

  local at, endsAt, bucket = whole(now), whole(now + tonumber(ARGV[a + 7])), whole(math.floor(now / 5000))
  -- What it owes is paid with what this write counts.
  local names, numbers, n = { mark, placeOf(bucket), '', '', '', '', '', '' }, {}, 2
  for i = a + 13, a + ARGV[a] - 1, 2 do
    n = n + 1
    names[n], numbers[n] = ARGV[i], tonumber(ARGV[i + 1])
  end
  for name, number in string.gmatch(textOf(found[5]), '([^\n]*)\n(%-?%d+)\n?') do
    local place = n + 1
    for i = 3, n do if names[i] == name then place = i end end
    if place > n then n, numbers[place] = place, 0 end
    names[place], numbers[place] = name, numbers[place] + sumOf(number)
  end
  local sums = lenient('HMGET', counters, unpack(names, 1, n)) or {}
  if textOf(sums[1]) ~= '' then return 0 end

  local settledThen, settled = string.match(textOf(sums[2]), '^(%d+) (%d+)$')
  if settledThen ~= bucket then settled = 0 end
  local set = { mark, '', names[2], bucket .. ' ' .. counting(settled + 1), '', '', '', '', '', '', '', '', '', '', '', '' }
  local said, kept, keeps = ARGV[a + 2] .. '\n' .. endsAt .. '\n' .. bucket, { 'owed', '', '', '' }, 2
  for i = 3, n do
    local name, number = names[i], counting(numbers[i])
    said = said .. '\n' .. name .. '\n' .. number
    set[2 * i - 1], set[2 * i] = name, counting(sumOf(sums[i]) + numbers[i])
    if isHeld(name) then
      local before = name == held and textOf(found[10]) or field(saga, 'held:' .. name)
      kept[keeps + 1], kept[keeps + 2] = 'held:' .. name, counting(sumOf(before) + numbers[i])
      keeps = keeps + 2
    end
  end
  set[2] = said
  lenient('HSET', counters, unpack(set, 1, 2 * n))

  local number = counting(seq + 1)
  local length = redis.pcall('RPUSH', KEYS[k + 2], ARGV[a + 6])
  if length ~= seq + 1 then
    if type(length) == 'number' then redis.call('LTRIM', KEYS[k + 2], 0, -2) end
    return 0
  end
  local terms = ARGV[a + ARGV[a]]
  if terms ~= '' then
    kept[keeps + 1], kept[keeps + 2] = 'find', enter(terms, textOf(found[11]), k + 8)
    keeps = keeps + 2
  end
  redis.call('HSET', saga, 'revision', ARGV[a + 11], 'write_id', ARGV[a + 2], 'snapshot', ARGV[a + 3], 'summary', ARGV[a + 4],
    'state', ARGV[a + 5], 'status', ARGV[a + 8], 'seq', number, 'updated', at, 'owner', '', 'due', '',
    unpack(kept, 1, keeps))
  lenient('ZADD', KEYS[k + 8], '0', id)
  lenient('ZREM', KEYS[k + 7], id)
  lenient('ZADD', KEYS[k + 6], endsAt, id)
  announce(KEYS[k + 4], ARGV[2], id, number, ARGV[a + 5], ARGV[a + 8])
  lenient('HDEL', counters, mark)
  redis.call('ZREM', KEYS[k + 5], id)
  return seq + 1
end)
