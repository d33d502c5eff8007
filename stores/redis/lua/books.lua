-- Second prelude of all scripts that change what is counted or shown of a saga.
--
-- Redis does not undo what a script has written when one of its commands is refused, so each write goes in an order in
-- which it may be cut off anywhere:
--   1. the counters and, by the same command, the mark `mark:<id>` beside them: the id of this write, when its span ends,
--      and what it has counted;
--   2. the log, whose surplus lines the next append drops;
--   3. the record: by this one command the write has happened, or not;
--   4. what follows from the record: status indexes, event;
--   5. the mark goes, and then the entry in the due index of a saga that nobody needs to look at.
-- The due index comes before the record, and may lead to a saga early, never late.
-- So a mark that stands tells of a write that was cut off. Its own repetition counts nothing again; another write, and the
-- claim to which the due index leads, take back what it counted where the record does not have it, and else complete
-- what follows from the record.

local function markOf(id)
  return 'mark:' .. id
end

-- A counter's sum; one that is no number any more begins anew.
local function sumOf(text)
  if type(text) ~= 'string' or #text > 16 or not string.find(text, '^%-?%d+$') then return 0.0 end
  return tonumber(text) + 0.0
end

-- The ring of 13 buckets of 5 s in which sagas that left STARTED are counted (see throughput.ts): however many there are,
-- the last minute stays this small. A place holds its bucket's number and its count.
local function placeOf(bucket)
  return 'settled:' .. counting(tonumber(bucket) % 13)
end

-- What a mark says, in a table that begins with write id, end of the span and bucket, and goes on with names and numbers.
local function parts(mark)
  local found = {}
  for part in string.gmatch(mark .. '\n', '([^\n]*)\n') do found[#found + 1] = part end
  return found
end

-- Counters whose name ends so are remembered by the saga too, in fields that begin with `held:`, so that purge can take
-- them back.
local function isHeld(name)
  return string.sub(name, -5) == '.held'
end

-- What a saga owes, as names and numbers in turn: see `owing`.
local function pay(owed)
  local changes = {}
  for name, number in string.gmatch(owed, '([^\n]*)\n(%-?%d+)\n?') do
    changes[#changes + 1] = name
    changes[#changes + 1] = whole(sumOf(number))
  end
  return changes
end

-- Adds those fields, with their new numbers, to those of a record; a new saga has none before.
local function addHeld(record, changes, saga)
  for i = 1, #changes, 2 do
    if isHeld(changes[i]) then
      local name, n = 'held:' .. changes[i], #record
      record[n + 1] = name
      record[n + 2] = whole((saga and sumOf(field(saga, name)) or 0) + tonumber(changes[i + 1]))
    end
  end
end

-- Takes back what a write had counted that was cut off before its record.
local function takeBack(counters, id, mark)
  local said, names = parts(mark), {}
  for i = 4, #said, 2 do names[#names + 1] = said[i] end
  if said[3] ~= '' then names[#names + 1] = placeOf(said[3]) end
  -- By the same command the mark is empty, which counts as none; then it goes.
  local args, known = { markOf(id), '' }, {}
  if #names > 0 then known = read(counters, names) end
  for i = 4, #said, 2 do
    args[#args + 1] = said[i]
    args[#args + 1] = whole(sumOf(known[i / 2 - 1]) - tonumber(said[i + 1]))
  end
  local number, count = string.match(known[#names] or '', '^(%d+) (%d+)$')
  if said[3] ~= '' and number == said[3] then
    args[#args + 1] = names[#names]
    args[#args + 1] = number .. ' ' .. whole(math.max(0, count - 1))
  end
  lenient('HSET', counters, unpack(args))
  lenient('HDEL', counters, markOf(id))
end

-- Step 1. `recorded` is the write id that the record has, `changes` are names and numbers, `settledAt` the time where the saga
-- leaves STARTED. Answers whether a write before this one was cut off, so that what follows from the record must be looked at anew.
local function book(counters, id, recorded, writeId, endsAt, changes, settledAt)
  local mark, count, bucket = 'mark:' .. id, #changes / 2, ''
  local names = { mark, changes[1], changes[3], changes[5], changes[7] }
  for i = 5, count do names[i + 1] = changes[2 * i - 1] end
  if settledAt then
    bucket = whole(math.floor(settledAt / 5000))
    names[count + 2] = placeOf(bucket)
  end
  local named = settledAt and count + 2 or count + 1
  local found = lenient('HMGET', counters, unpack(names, 1, named)) or {}
  local marked = textOf(found[1])
  if marked ~= '' then
    local by = parts(marked)[1]
    if by == writeId then return true end
    if by ~= recorded then
      takeBack(counters, id, marked)
      found = lenient('HMGET', counters, unpack(names, 1, named)) or {}
    end
  end
  local said = writeId .. '\n' .. endsAt .. '\n' .. bucket
  if count > 0 then said = said .. '\n' .. table.concat(changes, '\n') end
  -- Begun with room for what most writes count, because a table that grows is made anew each time.
  local set, n = { mark, said, '', '', '', '', '', '', '', '' }, 2
  for i = 1, count do
    set[n + 1], set[n + 2] = names[i + 1], whole(sumOf(found[i + 1]) + tonumber(changes[2 * i]))
    n = n + 2
  end
  if settledAt then
    local number, settledThen = string.match(textOf(found[count + 2]), '^(%d+) (%d+)$')
    if number ~= bucket then settledThen = 0 end
    set[n + 1], set[n + 2] = names[count + 2], bucket .. ' ' .. whole(settledThen + 1)
    n = n + 2
  end
  lenient('HSET', counters, unpack(set, 1, n))
  return marked ~= ''
end

-- Adds to what a write counts what changes by its saga being parked for another cause than before, or for none: both as its
-- record has them (see parked.ts).
local function recount(changes, before, after)
  if before == after then return changes end
  local sums = {}
  local function add(text, sign)
    for name, number in string.gmatch(text, '\n(parked:[^\n]+)\n(%d+)') do
      sums[name] = (sums[name] or 0.0) + sign * sumOf(number)
    end
  end
  add(before, -1)
  add(after, 1)
  for name, sum in pairs(sums) do
    if sum ~= 0 then
      changes[#changes + 1] = name
      changes[#changes + 1] = whole(sum)
    end
  end
  return changes
end

-- Under what a saga is counted that parks: where there are very many causes already, a new one counts with others like it.
local function counted(counters, own, other)
  if own == '' or field(counters, 'parked:' .. string.match(own, '^[^\n]*')) ~= '' then return own end
  return (lenient('HLEN', counters) or 0) < CAUSE_FIELDS_MAX and own or other
end

-- Step 4 for the causes: puts a saga into the index of what is parked, or takes it from there, as the changes say that were
-- counted, from the one given on. What nobody is parked for any more is forgotten. The record has the text of the cause, or
-- will have the one given.
local function place(index, counters, saga, id, changes, first, text)
  local zeros = {}
  for i = first, #changes, 2 do
    local key, sum = string.match(changes[i], '^parked:(%w+)(.*)$')
    if key and sum == '' and tonumber(changes[i + 1]) > 0 then
      local found = read(saga, { 'cause', 'updated' })
      local about, since = string.match(text or found[1], '^[^\n]*\n([^\n]*)'), string.match(field(counters, 'seen:' .. key), '^%d+')
      lenient('ZADD', index, '0', key .. ' ' .. id)
      lenient('HSET', counters, 'cause:' .. key, about or '', 'seen:' .. key, (since or found[2]) .. ' ' .. found[2])
    elseif key and tonumber(changes[i + 1]) < 0 then
      if sum == '' then lenient('ZREM', index, key .. ' ' .. id) end
      zeros[#zeros + 1] = changes[i]
    end
  end
  if #zeros == 0 then return end
  local found, gone = read(counters, zeros), {}
  for i = 1, #zeros do
    if sumOf(found[i]) <= 0 then
      gone[#gone + 1] = zeros[i]
      local key = string.match(zeros[i], '^parked:(%w+)$')
      if key then
        gone[#gone + 1] = 'cause:' .. key
        gone[#gone + 1] = 'seen:' .. key
      end
    end
  end
  if #gone > 0 then lenient('HDEL', counters, unpack(gone)) end
end

-- Step 5, as far as the mark goes.
local function settled(counters, id)
  lenient('HDEL', counters, markOf(id))
end

-- Step 4 but for the due index. `before` is the status until now; nil for a new saga, false where nothing of it is sure.
-- Only in the due index must a saga be found. An index that shows sagas may be damaged as a whole: what it serves fails
-- then, and sagas go on.
local function show(index, endings, id, before, status, endsAt)
  if status ~= before then
    lenient('ZADD', index[status], '0', id)
    if before then
      lenient('ZREM', index[before], id)
    elseif before == false then
      for _, other in ipairs({ 'STARTED', 'COMPLETED', 'FAILED', 'ABORTED' }) do
        if other ~= status then lenient('ZREM', index[other], id) end
      end
    end
  end
  if ended(status) then
    lenient('ZADD', endings, endsAt, id)
  elseif before == false or (before and ended(before)) then
    lenient('ZREM', endings, id)
  end
end
