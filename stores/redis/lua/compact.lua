-- Has ended sagas come to rest that stand as they were read, or written: see packing.ts. There may be sagas of several
-- partitions; see `each`. A hash that is short enough is kept as one string by Redis, unless it was ever longer. So it is made anew,
-- beside the old one, and its log goes. Cut off before RENAME nothing has happened; after it, the log is there all the same.
-- KEYS, for each saga: 1 saga, 2 log, 3 what its new hash is made under, 4 record of its idempotency key, or the saga again
-- ARGV: 1 clock offset, then for each saga how many follow, and 1 revision, 2 write id, 3 line, 4 brief, 5 machine and
--       6 SHA-256 of the idempotency key or empty, both as they are at rest, 7 what that key's record is then, or empty, 8... the
--       names of further fields that stay; the last is empty
-- Returns: the store's clock, then for each 1 where that was done

return each(4, 2, function(_, k, a)
  local saga, new, line, fields, n = KEYS[k + 1], KEYS[k + 3], ARGV[a + 3], {}, 0
  local names = { 'summary', 'revision', 'write_id', 'status', 'state', 'seq', 'updated', 'created', 'find',
    unpack(ARGV, a + 8, a + ARGV[a] - 1) }
  local found = read(saga, names)
  if found[1] == '' or found[2] ~= ARGV[a + 1] or found[3] ~= ARGV[a + 2] or not ended(found[4]) then return 0 end
  local function keep(name, value)
    fields[n + 1], fields[n + 2], n = name, value, n + 2
  end
  for i = 2, #names do
    -- What is held of a counter, in fewer letters.
    local held = string.match(names[i], '^held:(.*)%.held$')
    if found[i] ~= '' then keep(held and '+' .. held or names[i], found[i]) end
  end
  keep('machine', ARGV[a + 5])
  if ARGV[a + 6] ~= '' then keep('key', ARGV[a + 6]) end
  keep('brief', ARGV[a + 4])
  -- One of very many pieces would be no such string any more.
  local size = #line > 4000 and #line or 63
  for from = 1, #line, size do keep(counting((from - 1) / size), string.sub(line, from, from + size - 1)) end
  -- What frees memory comes first: a Redis that is full refuses any other first write, and takes all that come after it.
  redis.call('DEL', new)
  redis.call('HSET', new, unpack(fields))
  redis.call('RENAME', new, saga)
  redis.call('DEL', KEYS[k + 2])
  -- As long as this saga is there it leads nowhere else.
  if ARGV[a + 7] ~= '' then redis.call('SET', KEYS[k + 4], ARGV[a + 7], 'XX') end
  return 1
end)
