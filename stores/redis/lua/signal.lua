-- Puts a signal into a saga's mailbox.
-- KEYS: 1 saga, 2 due
-- ARGV: 1 clock offset, 2 id, 3 signal, 4 how it begins with its own id, 5 expected number of log entries, 6 signals at most,
--       7 how the machine begins whose due index is named
-- Returns: code, log entries, 0, the store's clock

local now = clock(ARGV[1])
local saga = KEYS[1]
local status = field(saga, 'status')
if status == '' then return { MISSING, 0, 0, now } end
if ended(status) then return { ENDED, 0, 0, now } end

local seq, signals = whole(digits(field(saga, 'seq')) or 0), field(saga, 'signals')
-- A repetition of this very signal, while nobody has answered it.
if string.find(signals, ARGV[4], 1, true) then return { DONE, tonumber(seq), 0, now } end
if seq ~= ARGV[5] then return { MOVED, tonumber(seq), 0, now } end

if not runsOn(saga, ARGV[7]) then return { ELSEWHERE, tonumber(seq), 0, now } end

local count = lines(signals)
if count >= tonumber(ARGV[6]) then return { FULL, tonumber(seq), 0, now } end
if signals ~= '' then signals = signals .. '\n' end
local fields = { 'signals', signals .. ARGV[3], 'signalled', whole(count + 1) }
-- An owner learns of it with its next commit; where there is none, somebody must come. The index goes first: in it a saga
-- is harmless, and without it nobody would come.
if field(saga, 'owner') == '' then
  fields[5], fields[6] = 'due', whole(now)
  redis.call('ZADD', KEYS[2], whole(now), ARGV[2])
end
redis.call('HSET', saga, unpack(fields))
return { DONE, tonumber(seq), 0, now }
