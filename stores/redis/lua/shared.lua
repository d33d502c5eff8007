-- Prelude of every script: what more than one atomic move needs stands here once.
-- LOG_FIRST, LOG_MAX and LOG_SLACK come from the contract, see scripts.ts.
-- The scripts run on Redis 6.2 and later and on ioredis-mock; hence no cjson, and what is absent is read as empty.

-- Results, named in scripts.ts.
local DONE, EXISTS, KEY_REUSED, STALE, MISSING, SIGNALLED, MOVED, FULL, ENDED, ELSEWHERE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9

-- A number as Redis should keep it: never 3.0, never 1.8e+12.
local function whole(n)
  return string.format('%.0f', n)
end

-- Milliseconds of the store's clock. Floats, because ioredis-mock's integers have 32 bits.
local function clock(offset)
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000.0 + math.floor(tonumber(time[2]) / 1000.0) + tonumber(offset)
end

-- A field of a hash; empty where it is missing or empty, which ioredis-mock does not tell apart.
local function field(key, name)
  return redis.call('HGET', key, name) or ''
end

-- Four of them at once.
local function fields(key, ...)
  local found = redis.call('HMGET', key, ...)
  return found[1] or '', found[2] or '', found[3] or '', found[4] or ''
end

-- What remains of the lease under which a saga is owned; while it is owned, it is due when that lease ends.
local function remaining(saga, now)
  if field(saga, 'owner') == '' then return 0 end
  return math.max(0, (tonumber(field(saga, 'due')) or 0) - now)
end

-- Whether a saga is owned under this very fence. One that nobody owns is not held: its back-off is left alone.
local function held(saga, revision, writeId)
  return field(saga, 'owner') ~= '' and field(saga, 'revision') == revision and field(saga, 'write_id') == writeId
end

-- Whether a saga runs on the version that begins so, and is due in that version's index: whoever named the index may not
-- know yet that the saga was moved to another. A machine that was not written by us (a record that somebody edited) is
-- taken for the one that was read in it: were it taken for another, it would be looked for without end.
local function runsOn(saga, begins)
  local own = string.match(field(saga, 'machine'), '^({"id":".-","version":".-"),"structure":"')
  return own == nil or own == begins
end

local function ended(status)
  return status == 'COMPLETED' or status == 'FAILED'
end

-- Appends a log entry, and answers how many the log has had. Once some were dropped, their number stands in their place,
-- which no entry looks like. A log that is no longer than LOG_MAX was never cut, and RPUSH alone says how long it is.
local function append(log, entry)
  local kept, dropped = redis.call('RPUSH', log, entry), 0
  if kept <= LOG_MAX then return kept end
  local number = tonumber(redis.call('LINDEX', log, LOG_FIRST))
  if number then kept, dropped = kept - 1, number end
  if kept > LOG_MAX + LOG_SLACK then
    local first = redis.call('LRANGE', log, 0, LOG_FIRST - 1)
    redis.call('LTRIM', log, LOG_FIRST - LOG_MAX, -1)
    redis.call('LPUSH', log, whole(dropped + kept - LOG_MAX))
    for i = LOG_FIRST, 1, -1 do redis.call('LPUSH', log, first[i]) end
  end
  return kept + dropped
end

-- Counts a saga that left STARTED, in a ring of 13 buckets of 5 s in the hash of counters (see throughput.ts): however
-- many sagas there are, the last minute stays this small. A place holds the bucket's number and its count.
local function settle(counters, now)
  local bucket = math.floor(now / 5000)
  local place = 'settled:' .. whole(bucket % 13)
  local number, count = string.match(field(counters, place), '^(%d+) (%d+)$')
  if number ~= whole(bucket) then count = 0 end
  redis.call('HSET', counters, place, whole(bucket) .. ' ' .. whole(count + 1))
end

local function announce(events, max, id, seq, state, status)
  redis.call('XADD', events, 'MAXLEN', '~', max, '*', 'id', id, 'seq', seq, 'state', state, 'status', status)
end
