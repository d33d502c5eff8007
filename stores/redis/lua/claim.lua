-- Takes over those sagas of one partition that may be taken.
-- KEYS: 1 events, 2 counters, 3 to 6 the indexes of STARTED, COMPLETED, FAILED and ABORTED, 7 ended, 8 all sagas, 9 index
--       of parked sagas by cause, then for each saga: saga, log, due
-- ARGV: 1 clock offset, 2 length of the event stream, 3 claimer's name, 4 its boot number, 5 lease in ms,
--       6 write id, 7 the log entry takenOver up to its last fields, 8 the log entry claimsExhausted likewise,
--       9 takers at most, 10 what a saga is parked with that was taken more often, then for each saga: id, its machine's
--       counter of parked sagas, how that machine begins, the cause as which it is counted then
-- Returns: the store's clock, then for each saga taken or parked its position among the ids, its record, which is
--          empty where the saga has moved to another version, and what of it was damaged, or empty

local INDEX = { STARTED = KEYS[3], COMPLETED = KEYS[4], FAILED = KEYS[5], ABORTED = KEYS[6] }

-- A state as JSON text. Escaping every doubtful byte is longer than need be and always right.
local function quoted(text)
  return '"' .. string.gsub(text, '[%c"\\]', function(byte)
    return string.format('\\u%04x', string.byte(byte))
  end) .. '"'
end

local now = clock(ARGV[1])
local boot = tonumber(ARGV[4])
local dueAt = whole(now + tonumber(ARGV[5]))
local reply = { now }

local function answer(position, record, damage)
  reply[#reply + 1] = whole(position)
  reply[#reply + 1] = record
  reply[#reply + 1] = damage
end

-- Adds a log entry that lacks its states yet, both of which are the saga's. It is announced before it is recorded: told
-- twice does less harm than never.
local function note(log, entry, state, id, status, seq)
  local json = quoted(state)
  local line = entry .. ',"from":' .. json .. ',"to":' .. json .. '}'
  local noted = whole(append(log, { line }, digits(seq) or 0))
  announce(KEYS[1], ARGV[2], id, noted, state, status)
  return noted
end

-- A write of this saga was cut off (see books.lua): it is completed where the record has it, and else taken back.
local function resume(saga, log, id, mark)
  local found = read(saga, { 'write_id', 'status', 'seq', 'state' })
  local said = parts(mark)
  if said[1] == found[1] and INDEX[found[2]] then
    show(INDEX, KEYS[7], id, false, found[2], said[2])
    announce(KEYS[1], ARGV[2], id, found[3], found[4], found[2])
    place(KEYS[9], KEYS[2], saga, id, said, 4)
    settled(KEYS[2], id)
  else
    -- Where there is no record either, it was to be the first.
    if found[1] == '' then lenient('DEL', log) end
    takeBack(KEYS[2], id, mark)
  end
end

-- When a saga began, from its id, which is a UUIDv7 behind the partition. In halves, for ioredis-mock's integers.
local function bornAt(id)
  local high, low, last = string.match(id, '^%x+%-(%x%x%x%x)(%x%x%x%x)%-(%x%x%x%x)')
  return ((tonumber(high, 16) * 65536.0) + tonumber(low, 16)) * 65536.0 + tonumber(last, 16)
end

-- Mends what no write could go on without, so that a damaged saga can be parked like any other: its fence, its status, its
-- age. Answers status and revision, and what was damaged, in words.
local function mend(saga, id, status, revision, created)
  local damage = ''
  local function mended(name, was, value)
    damage = damage .. name .. ' was ' .. quoted(string.sub(was, 1, 40)) .. '; '
    redis.call('HSET', saga, name, value)
    return value
  end
  if not INDEX[status] then
    status = mended('status', status, lenient('ZSCORE', KEYS[6], id) and 'ABORTED' or 'STARTED')
  end
  -- Beside another write id no revision is one that anybody has seen.
  if not digits(revision) then revision = mended('revision', revision, '1') end
  if not digits(created) then mended('created', created, whole(bornAt(id))) end
  return status, tonumber(revision), damage
end

local marks = {}
for i = 11, #ARGV, 4 do marks[#marks + 1] = markOf(ARGV[i]) end
marks = read(KEYS[2], marks)

for i = 11, #ARGV, 4 do
  local id, position = ARGV[i], (i - 11) / 4
  local first = position * 3 + 10
  local saga, log, due = KEYS[first], KEYS[first + 1], KEYS[first + 2]
  if marks[position + 1] ~= '' then resume(saga, log, id, marks[position + 1]) end
  local status = field(saga, 'status')
  -- Asked only where there is no status: how many fields there are, or nil where the key is no hash.
  local size = status ~= '' or lenient('HLEN', saga)

  if ended(status) or size == 0 or (status == 'ABORTED' and field(saga, 'signalled') == '') then
    -- Ended, parked or gone: whatever led the claimer here is stale.
    if size == 0 then lenient('ZREM', KEYS[8], id) end
    redis.call('ZREM', due, id)
  elseif size == nil then
    -- A key of another type is nothing that could be written to: it is only put where the parked ones are.
    if lenient('ZSCORE', KEYS[3], id) then
      book(KEYS[2], id, '', ARGV[6], whole(now), { ARGV[i + 1], '1' }, now)
      show(INDEX, KEYS[7], id, 'STARTED', 'ABORTED', '')
      settled(KEYS[2], id)
    end
    redis.call('ZREM', due, id)
    answer(position, {}, 'its key is no hash; ')
  elseif not runsOn(saga, ARGV[i + 2]) then
    redis.call('ZREM', due, id)
    answer(position, {}, '')
  else
    local owner = field(saga, 'owner')
    -- While a saga is owned, it is due when its lease ends. What is no time is due now.
    local isDue = (digits(field(saga, 'due')) or 0) <= now
    -- A repetition of this claim finds its own write under a lease that still runs, and is granted what remains.
    local mine = owner ~= '' and not isDue and field(saga, 'write_id') == ARGV[6]
    local ownerBoot, ownerName = string.match(owner, '^(%d+) (.*)$')
    local olderBoot = ownerName == ARGV[3] and tonumber(ownerBoot) < boot
    local damage = ''

    if not mine and (isDue or olderBoot) then
      local found = read(saga, { 'revision', 'created', 'state', 'seq', 'write_id' })
      local revision, created, state, seq = found[1], found[2], found[3], found[4]
      status, revision, damage = mend(saga, id, status, revision, created)
      revision = whole(revision + 1)
      -- Whoever took it before and comes for it again is alive: what it was taken for did not end that coordinator.
      local me = ARGV[4] .. ' ' .. ARGV[3]
      local others, count = takersBut(field(saga, 'claims'), me)
      if count + 1 > tonumber(ARGV[9]) and status == 'STARTED' then
        local changes = pay(owing(field(saga, 'owed'), ARGV[i + 1], '1'))
        recount(changes, field(saga, 'cause'), ARGV[i + 3])
        local record = {
          'revision', revision, 'write_id', ARGV[6], 'owner', '', 'due', '', 'updated', whole(now), 'claims', '',
          'status', 'ABORTED', 'parked', ARGV[10], 'owed', '',
          'cause', ARGV[i + 3], 'parkings', whole((digits(field(saga, 'parkings')) or 0) + 1),
        }
        addHeld(record, changes, saga)
        book(KEYS[2], id, found[5], ARGV[6], whole(now), changes, now)
        seq = note(log, ARGV[8], state, id, 'ABORTED', seq)
        redis.call('HSET', saga, 'seq', seq, unpack(record))
        show(INDEX, KEYS[7], id, 'STARTED', 'ABORTED', '')
        place(KEYS[9], KEYS[2], saga, id, changes, 1)
        settled(KEYS[2], id)
        redis.call('ZREM', due, id)
      else
        if owner ~= '' then
          -- From whom, as the contract's takenFrom says it, where the owner can be read.
          local from = ownerName and ',"reason":' .. quoted('from ' .. ownerName .. ' (boot ' .. ownerBoot .. ')') or ''
          seq = note(log, ARGV[7] .. from, state, id, status, seq)
        end
        redis.call('HSET', saga, 'revision', revision, 'write_id', ARGV[6], 'seq', seq, 'owner', me, 'due', dueAt,
          'claims', others == '' and me or others .. '\n' .. me)
        redis.call('ZADD', due, dueAt, id)
      end
      mine = true
    elseif not mine then
      -- The index may say otherwise, where somebody edited it: then whoever asks it would come again and again.
      redis.call('ZADD', due, field(saga, 'due'), id)
    end
    if mine then answer(position, redis.call('HGETALL', saga), damage) end
  end
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
