-- Takes over those sagas of one partition that may be taken.
-- KEYS: 1 events, 2 counters, 3 index of STARTED, 4 index of ABORTED, then for each saga: saga, log, due
-- ARGV: 1 clock offset, 2 length of the event stream, 3 claimer's name, 4 its boot number, 5 lease in ms,
--       6 write id, 7 the log entry takenOver up to its last fields, 8 the log entry claimsExhausted likewise,
--       9 claims at most, then for each saga: id, its machine's counter of parked sagas, how that machine begins
-- Returns: the store's clock, then for each saga taken or parked its position among the ids and its record, which is
--          empty where the saga has moved to another version

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

-- Adds a log entry that lacks its states yet, both of which are the saga's.
local function note(log, entry, state, id, status)
  local json = quoted(state)
  local seq = whole(append(log, entry .. ',"from":' .. json .. ',"to":' .. json .. '}'))
  announce(KEYS[1], ARGV[2], id, seq, state, status)
  return seq
end

for i = 10, #ARGV, 3 do
  local id, position = ARGV[i], (i - 10) / 3
  local first = position * 3 + 5
  local saga, log, due = KEYS[first], KEYS[first + 1], KEYS[first + 2]
  local status = field(saga, 'status')

  if status ~= 'STARTED' and not (status == 'ABORTED' and field(saga, 'signalled') ~= '') then
    -- Ended, parked or gone: whatever led the claimer here is stale.
    redis.call('ZREM', due, id)
  elseif not runsOn(saga, ARGV[i + 2]) then
    redis.call('ZREM', due, id)
    reply[#reply + 1] = whole(position)
    reply[#reply + 1] = {}
  else
    local owner = field(saga, 'owner')
    -- While a saga is owned, it is due when its lease ends.
    local isDue = (tonumber(field(saga, 'due')) or 0) <= now
    -- A repetition of this claim finds its own write under a lease that still runs, and is granted what remains.
    local mine = owner ~= '' and not isDue and field(saga, 'write_id') == ARGV[6]
    local ownerBoot, ownerName = string.match(owner, '^(%d+) (.*)$')
    local olderBoot = ownerName == ARGV[3] and tonumber(ownerBoot) < boot

    if not mine and (isDue or olderBoot) then
      local state, seq = field(saga, 'state'), field(saga, 'seq')
      local claims = (tonumber(field(saga, 'claims')) or 0) + 1
      local revision = whole(tonumber(field(saga, 'revision')) + 1)
      if claims > tonumber(ARGV[9]) and status == 'STARTED' then
        seq = note(log, ARGV[8], state, id, 'ABORTED')
        redis.call('HSET', saga, 'revision', revision, 'write_id', ARGV[6], 'seq', seq, 'owner', '', 'due', '',
          'updated', whole(now), 'claims', '0', 'status', 'ABORTED',
          'parked', '{"reason":"claims-exhausted","held":[]}')
        redis.call('ZREM', due, id)
        redis.call('ZREM', KEYS[3], id)
        redis.call('ZADD', KEYS[4], '0', id)
        redis.call('HINCRBY', KEYS[2], ARGV[i + 1], 1)
        settle(KEYS[2], now)
      else
        if owner ~= '' then seq = note(log, ARGV[7], state, id, status) end
        redis.call('HSET', saga, 'revision', revision, 'write_id', ARGV[6], 'seq', seq, 'claims', whole(claims),
          'owner', ARGV[4] .. ' ' .. ARGV[3], 'due', dueAt)
        redis.call('ZADD', due, dueAt, id)
      end
      mine = true
    end
    if mine then
      reply[#reply + 1] = whole(position)
      reply[#reply + 1] = redis.call('HGETALL', saga)
    end
  end
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
