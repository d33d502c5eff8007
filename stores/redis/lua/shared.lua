-- Prelude of every script: what more than one atomic move needs stands here once.
-- LOG_FIRST, LOG_MAX and LOG_SLACK come from the contract, see scripts.ts.
-- The scripts run on Redis 6.2 and later and on ioredis-mock; hence no cjson, and what is absent is read as empty.

-- Results, named in scripts.ts.
local DONE, EXISTS, KEY_REUSED, STALE, MISSING, SIGNALLED, MOVED, FULL, ENDED, ELSEWHERE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local KEY_UNREADABLE, UNLINKED = 10, 11

-- A number as Redis should keep it: never 3.0, never 1.8e+12.
local function whole(n)
  return string.format('%.0f', n)
end

-- A count as Redis should keep it. Cheaper than `whole`, and not for times: ioredis-mock's integers have 32 bits.
local function counting(n)
  return string.format('%d', n)
end

-- Millises of the store's clock. Floats, because ioredis-mock's integers have 32 bits.
local function clock(offset)
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000.0 + math.floor(tonumber(time[2]) / 1000.0) + tonumber(offset)
end

-- A command whose key may be damaged: where that is of another type the answer is nil, and nothing was done. Any other
-- error is raised, by asking again.
local function lenient(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then return nil end
  return redis.call(...)
end

-- A field of a hash; empty where it is missing or empty, which ioredis-mock does not tell apart, and where there is no hash.
local function field(key, name)
  return lenient('HGET', key, name) or ''
end

-- A field as HMGET gives it: where it is missing, Redis and ioredis-mock say so in ways of their own.
local function textOf(found)
  return type(found) == 'string' and found or ''
end

-- Several of them at once, in their order.
local function read(key, names)
  local found, values = lenient('HMGET', key, unpack(names)) or {}, {}
  for i = 1, #names do values[i] = textOf(found[i]) end
  return values
end

-- A whole number as we write it; nil for any other text. `tonumber` alone would also take inf, nan and 0x10.
local function digits(text)
  return #text < 16 and string.find(text, '^%d+$') and tonumber(text) or nil
end

-- How many lines a text has: signals of a mailbox, one a line.
local function lines(text)
  local _, count = string.gsub(text, '[^\n]+', '')
  return count
end

-- What remains of the lease under which a saga is owned; while it is owned, it is due when that lease ends.
local function remaining(saga, now)
  if field(saga, 'owner') == '' then return 0 end
  return math.max(0, (digits(field(saga, 'due')) or 0) - now)
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

-- What to say where no revision can be read: that there is no such saga, or that its record is damaged, and so not as
-- anybody has written it. Whoever claims it then sets it aside.
local function absent(saga)
  return redis.call('EXISTS', saga) == 1 and STALE or MISSING
end

-- Who took a saga and has not come further with it, `boot name` a line; without the one given. A number among the lines
-- stands for so many whom an older release did not name.
local function takersBut(claims, owner)
  local others, count = {}, 0
  for line in string.gmatch(claims, '[^\n]+') do
    if line ~= owner and line ~= '0' then
      others[#others + 1] = line
      count = count + (digits(line) or 1)
    end
  end
  return table.concat(others, '\n'), count
end

local function ended(status)
  return status == 'COMPLETED' or status == 'FAILED'
end

-- Where the record of an idempotency key leads, and whether the body has that digest; nothing where it cannot be read. Of a saga
-- that rests it is as encodeLed in record.ts makes it.
local function led(record, digest)
  local id, first = string.match(record, '^(%S+) (.*)$')
  if #record ~= 38 then return id, first == digest end
  local hex = string.gsub(string.sub(record, 1, 16), '.', function(byte) return string.format('%02x', string.byte(byte)) end)
  local uuid = string.gsub(hex, '^(' .. string.rep('.', 8) .. ')(....)(....)(....)', '%1-%2-%3-%4-')
  return string.sub(record, 37) .. '-' .. uuid, #digest == 43 and string.sub(record, 17, 36) == string.sub(digest, 1, 20)
end

-- Appends log entries to a log that has had so many `before`, and answers how many it has had then. Once some were dropped,
-- their number stands in their place, which no entry looks like. A log that is no longer than LOG_MAX was never cut, and
-- RPUSH alone says how long it is. Lines that are too many are of a write that was cut off before its record: they go.
-- Where a key of another type stands in its place, the log begins anew, and its first entry says so.
local function append(log, entries, before)
  local expected = before + #entries
  local kept = lenient('RPUSH', log, unpack(entries))
  if not kept then
    redis.call('DEL', log)
    if before > 1 then redis.call('RPUSH', log, whole(before - 1)) end
    local at = string.match(entries[1], '"at":"[^"]*"') or '"at":"1970-01-01T00:00:00.000Z"'
    redis.call('RPUSH', log, '{' .. at .. ',"event":"unreadable","from":null,"to":"","step":null,"kind":null,' ..
      '"attempt":null,"outcome":null,"duration_ms":null,"error":"the log was no list any more: it begins anew"}')
    redis.call('RPUSH', log, unpack(entries))
    return math.max(expected, 1 + #entries)
  end
  local total, numbers = kept, 0
  if kept > LOG_MAX then
    local number = digits(redis.call('LINDEX', log, LOG_FIRST))
    if number then total, numbers = kept - 1 + number, 1 end
  end
  if total > expected then
    redis.call('LTRIM', log, 0, whole(expected - total - #entries - 1))
    kept = redis.call('RPUSH', log, unpack(entries))
  elseif kept == #entries and before > 0 then
    -- It is gone, and what was in it counts as dropped.
    kept = redis.call('LPUSH', log, whole(before))
  end
  if kept - numbers > LOG_MAX + LOG_SLACK then
    -- As many stay as if the entries had come one by one.
    local keep = LOG_MAX + (kept - numbers - LOG_MAX - LOG_SLACK - 1) % (LOG_SLACK + 1)
    local first = redis.call('LRANGE', log, 0, LOG_FIRST - 1)
    local head = { whole(expected - keep) }
    for i = LOG_FIRST, 1, -1 do head[#head + 1] = first[i] end
    redis.call('LTRIM', log, whole(LOG_FIRST - keep), -1)
    redis.call('LPUSH', log, unpack(head))
  end
  return expected
end

-- The end of an audit, and its last line. What is added to it was linked to the end that its sender knew, which is told by the
-- hash that the line begins with. Of a line that has none it is its length; empty where there is no line, and `!` where the key
-- is no list.
local function endOf(audit)
  local last = lenient('LINDEX', audit, -1)
  if type(last) ~= 'string' then return redis.call('EXISTS', audit) == 1 and '!' or '', '' end
  local hash = string.match(last, '^(%x+) ')
  return hash and #hash == 64 and hash or '?' .. counting(#last), last
end

-- Adds lines that were linked to an end, by one command.
local function link(audit, to, lines)
  if to == '!' then redis.call('DEL', audit) end
  if #lines > 0 then redis.call('RPUSH', audit, unpack(lines)) end
end

-- What a saga counts while it is called for is counted when it waits, parks or ends: until then its record has it as `owed`,
-- names and numbers, one a line. Answers that text with a number more.
local function owing(owed, name, number)
  if owed == '' then return name .. '\n' .. number end
  local known, sum = string.match(owed, '^([^\n]*)\n(%-?%d+)$')
  if known == name and #sum < 16 then return name .. '\n' .. counting(sum + number) end
  local others = ''
  for other, before in string.gmatch(owed, '([^\n]*)\n(%-?%d+)\n?') do
    if #before >= 16 then before = '0' end
    if other == name then number = whole(before + number)
    else others = others .. other .. '\n' .. before .. '\n' end
  end
  return others .. name .. '\n' .. number
end

-- A feed that is none any more begins anew: who watches sees a gap.
local function announce(events, max, id, seq, state, status)
  if lenient('XADD', events, 'MAXLEN', '~', max, '*', 'id', id, 'seq', seq, 'state', state, 'status', status) then return end
  redis.call('DEL', events)
  redis.call('XADD', events, '*', 'id', id, 'seq', seq, 'state', state, 'status', status)
end

-- Of how many terms an argument tells that `enter` has.
local function termCount(said)
  return math.max(0, math.floor((#said - 8) / 9))
end

-- Enters a saga where the values of its terms lead to it, see terms.ts. `said` is the last argument of a write: where the id
-- leads, and nine letters for each term, whose buckets are the keys behind KEYS[k]; `find` are those that the record has.
-- Answers these with the others. Comes before the record.
local function enter(said, find, k)
  local ref = string.sub(said, 1, 8)
  for i = 1, termCount(said) do
    local term, isKnown = string.sub(said, 9 * i, 9 * i + 8), false
    for at = 1, #find, 9 do isKnown = isKnown or string.sub(find, at, at + 8) == term end
    if not isKnown then
      local entry = string.sub(term, 5, 7) .. ref
      if not lenient('APPEND', KEYS[k + i], entry) then redis.call('SET', KEYS[k + i], entry) end
      find = find .. term
    end
  end
  return find
end

-- Takes one entry out of a bucket. One that is long, because very many sagas have a value, is not written anew for each that goes:
-- the entry is blanked where it stands, until about half of them are, by the look of sixteen.
local function leave(bucket, entry)
  local text, at = textOf(lenient('GET', bucket)), 0
  repeat at = string.find(text, entry, at + 1, true) until not at or at % 11 == 1
  if not at then return end
  local blank = 0
  for i = 0, 15 do
    local one = 11 * math.floor(#text / 11 * i / 16) + 1
    if one == at or string.byte(text, one) == 32 then blank = blank + 1 end
  end
  if #text > BUCKET_SHORT and blank < 8 then
    redis.call('SETRANGE', bucket, at - 1, string.rep(' ', 11))
    return
  end
  local rest = string.gsub(string.sub(text, 1, at - 1) .. string.sub(text, at + 11), ' +', '')
  if rest == '' then redis.call('DEL', bucket) else redis.call('SET', bucket, rest) end
end

-- Does the same to each saga of a call, whose arguments begin at ARGV[first], each with how many of them follow: it is given
-- the time, and behind which of KEYS and of ARGV those of the saga are. Its last keys and its last argument are as `enter` has them. One that fails answers for itself alone, and the others
-- go on. Where all fail alike that is the error of the script, by which whoever sends it sees that Redis refuses.
-- Returns the store's clock, then for each what it answers, or its error.
local function each(keys, first, one)
  local now = clock(ARGV[1])
  local reply, n, failed, k = { now }, 1, 0, 0
  while k < #KEYS do
    local isDone, answer = pcall(one, now, k, first)
    n = n + 1
    reply[n] = answer
    if not isDone then
      reply[n] = (type(answer) == 'table' and answer.err or tostring(answer)) .. ', on @user_script'
      if reply[n] == reply[2] then failed = failed + 1 end
    end
    k = k + keys + termCount(ARGV[first + ARGV[first]])
    first = first + 1 + ARGV[first]
  end
  if failed == n - 1 then return redis.error_reply(reply[2]) end
  return { unpack(reply) }
end
