-- Moves a saga to another version of its machine, if it still stands at the expected fence.
-- KEYS: 1 saga, 2 log, 3 counters, 4 events, 5 due of the version until now, 6 due of the new one
-- ARGV: 1 clock offset, 2 id, 3 length of the event stream, 4 write id, 5 snapshot, 6 summary but for its state,
--       7 state, 8 log entry, 9 machine, 10 expected revision, 11 expected write id,
--       12... counters, as name and number
-- Returns: code, log entries, remaining ms, the store's clock

local now = clock(ARGV[1])
local saga, id = KEYS[1], ARGV[2]
local revision, writeId = field(saga, 'revision'), field(saga, 'write_id')
if revision == '' then return { MISSING, 0, 0, now } end

local raised = whole(tonumber(ARGV[10]) + 1)
-- A repetition of this very move, whose reply was lost.
if revision == raised and writeId == ARGV[4] then
  return { DONE, tonumber(field(saga, 'seq')), remaining(saga, now), now }
end
if revision ~= ARGV[10] or writeId ~= ARGV[11] then return { STALE, 0, 0, now } end

for i = 12, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
  if string.sub(ARGV[i], -5) == '.held' then
    redis.call('HINCRBY', saga, 'held:' .. ARGV[i], ARGV[i + 1])
  end
end
local seq = append(KEYS[2], ARGV[8])
redis.call('HSET', saga,
  'revision', raised, 'write_id', ARGV[4], 'snapshot', ARGV[5], 'summary', ARGV[6], 'state', ARGV[7],
  'seq', whole(seq), 'updated', whole(now), 'machine', ARGV[9])
local due = field(saga, 'due')
redis.call('ZREM', KEYS[5], id)
if due ~= '' then redis.call('ZADD', KEYS[6], due, id) end
announce(KEYS[4], ARGV[3], id, whole(seq), ARGV[7], field(saga, 'status'))
return { DONE, seq, remaining(saga, now), now }
