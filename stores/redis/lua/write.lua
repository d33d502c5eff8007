-- Third prelude of create and commit: the write that both are.
-- KEYS: 1 saga, 2 log, 3 counters, 4 events, 5 due, 6 ended, 7 to 10 the indexes of
--       STARTED, COMPLETED, FAILED and ABORTED, 11 index of parked sagas by cause; the last as `enter` has them
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state,
--       7 state, 8 log entries, one a line, 9 status, 10 span in ms (of the lease, the delay or the retention),
--       11 owner as `boot name` or empty, 12 parked or empty, 13 its cause and 14 what may stand for that, or empty; the last
--       as `enter` has it

local INDEX = { STARTED = KEYS[7], COMPLETED = KEYS[8], FAILED = KEYS[9], ABORTED = KEYS[10] }

-- Steps 4 and 5 of a write whose record stands: see books.lua. `changes` are what it has counted, from `first` on.
local function follow(status, before, endsAt, seq, state, changes, first)
  place(KEYS[11], KEYS[3], KEYS[1], ARGV[2], changes, first)
  show(INDEX, KEYS[6], ARGV[2], before, status, endsAt)
  announce(KEYS[4], ARGV[3], ARGV[2], seq, state, status)
  settled(KEYS[3], ARGV[2])
  -- Also where it was parked: a signal had made it due.
  if status ~= 'STARTED' then redis.call('ZREM', KEYS[5], ARGV[2]) end
end

-- What a write counts, as names and numbers in turn, and what its saga still owes then: what it counts is owed while it is
-- called for, and counted when it waits, parks or ends. The counters of this write start at ARGV[first].
local function countedBy(first, owed, isCalled)
  if owed == '' and not isCalled then return { unpack(ARGV, first, #ARGV - 1) }, '' end
  for i = first, #ARGV - 1, 2 do owed = owing(owed, ARGV[i], ARGV[i + 1]) end
  if isCalled then return {}, owed end
  return pay(owed), ''
end

-- What is told in the audit, as arguments say it from the one given on: the end to which that is linked, how many lines it
-- has, and these. Answers them, or nothing where the audit has another end; then what that is, and the line.
local function toldIn(audit, at)
  local found, last = endOf(audit)
  if found ~= ARGV[at] then return nil, found, last end
  return { unpack(ARGV, at + 2, at + 1 + ARGV[at + 1]) }
end

-- `before` is the status until now, nil for a new saga; `recorded` the write id until now; `changes` are what it counts,
-- `more` further fields of its record, `audit` the key of the audit where lines are `told` there, linked to `to`. The due index leads to a saga that is to run before this is called.
-- Returns the number of log entries.
local function write(now, at, endsAt, revision, before, recorded, seq, changes, more, audit, to, told)
  local saga, id, status = KEYS[1], ARGV[2], ARGV[9]
  local leaves = status ~= 'STARTED' and (before == nil or before == 'STARTED')
  local isUnsure = book(KEYS[3], id, recorded, ARGV[4], endsAt, changes, leaves and now)
  local entries = { ARGV[8] }
  if string.find(ARGV[8], '\n', 1, true) then
    entries = {}
    for entry in string.gmatch(ARGV[8], '[^\n]+') do entries[#entries + 1] = entry end
  end
  seq = append(KEYS[2], entries, seq)
  local number = whole(seq)
  addHeld(more, changes, before and saga)
  local terms = ARGV[#ARGV]
  if terms ~= '' then
    more[#more + 1] = 'find'
    more[#more + 1] = enter(terms, before and field(saga, 'find') or '', #KEYS - termCount(terms))
  end
  -- Right before the record, by which it has happened.
  if told then link(audit, to, told) end
  redis.call('HSET', saga, 'revision', revision, 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6],
    'state', ARGV[7], 'status', status, 'seq', number, 'updated', at, 'owner', ARGV[11],
    'due', status == 'STARTED' and endsAt or '', unpack(more))

  if (isUnsure and before) or (before and not INDEX[before]) then before = false end
  follow(status, before, endsAt, number, ARGV[7], changes, 1)
  return seq
end

-- Whoever repeats a write that was cut off behind its record completes it. Returns the number of log entries.
local function repeated()
  local saga, id = KEYS[1], ARGV[2]
  local found = read(saga, { 'seq', 'status', 'state' })
  local mark = field(KEYS[3], markOf(id))
  if mark ~= '' then
    local said = parts(mark)
    follow(found[2], false, said[2], found[1], found[3], said, 4)
  elseif found[2] ~= 'STARTED' then
    redis.call('ZREM', KEYS[5], id)
  end
  return digits(found[1]) or 0
end

-- What remains of the lease that a write has just granted.
local function granted()
  if ARGV[11] == '' then return 0 end
  return tonumber(ARGV[10])
end
