-- Takes over those sagas of one partition that may be taken.
-- KEYS: 1 events, then for each saga: saga, log, due
-- ARGV: 1 clock offset, 2 length of the event stream, 3 claimer's name, 4 its boot number, 5 lease in ms,
--       6 write id, 7 the log entry takenOver up to its last fields `from` and `to`, 8... ids
-- Returns: the store's clock, then for each saga taken its position among the ids and its record

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

for i = 8, #ARGV do
  local id, first = ARGV[i], (i - 8) * 3 + 2
  local saga, log, due = KEYS[first], KEYS[first + 1], KEYS[first + 2]

  if field(saga, 'status') ~= 'STARTED' then
    -- Ended, parked or gone: whatever led the claimer here is stale.
    redis.call('ZREM', due, id)
  else
    local owner = field(saga, 'owner')
    -- While a saga is owned, it is due when its lease ends.
    local isDue = (tonumber(field(saga, 'due')) or 0) <= now
    -- A repetition of this claim finds its own write under a lease that still runs, and is granted what remains.
    local mine = owner ~= '' and not isDue and field(saga, 'write_id') == ARGV[6]
    local ownerBoot, ownerName = string.match(owner, '^(%d+) (.*)$')
    local olderBoot = ownerName == ARGV[3] and tonumber(ownerBoot) < boot

    if not mine and (isDue or olderBoot) then
      local seq = field(saga, 'seq')
      if owner ~= '' then
        local state = field(saga, 'state')
        local json = quoted(state)
        seq = whole(redis.call('RPUSH', log, ARGV[7] .. ',"from":' .. json .. ',"to":' .. json .. '}'))
        announce(KEYS[1], ARGV[2], id, seq, state, 'STARTED')
      end
      redis.call('HSET', saga,
        'revision', whole(tonumber(field(saga, 'revision')) + 1), 'write_id', ARGV[6],
        'seq', seq, 'owner', ARGV[4] .. ' ' .. ARGV[3], 'due', dueAt)
      redis.call('ZADD', due, dueAt, id)
      mine = true
    end
    if mine then
      reply[#reply + 1] = i - 8
      reply[#reply + 1] = redis.call('HGETALL', saga)
    end
  end
end

-- The copy is for ioredis-mock, which takes a table that grew for no array.
return { unpack(reply) }
