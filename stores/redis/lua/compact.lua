-- Puts an ended saga into the form in which it rests: its log is one line (compaction.ts), and its hash is short enough for
-- Redis to keep it as one string, as it keeps none that was ever longer. So it is made anew, beside the old one.
-- KEYS: 1 saga, 2 log, 3 what the new hash is made under
-- ARGV: 1 revision and 2 write id that were read, 3 line, then the fields and values that stay
-- Returns: 1 where that was done

local saga, log, new = KEYS[1], KEYS[2], KEYS[3]
local found = read(saga, { 'revision', 'write_id', 'status', 'summary' })
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] or not ended(found[3]) or found[4] == '' then return { 0 } end
-- What frees memory comes first: a Redis that is full refuses any other first write, and takes all that come after it.
redis.call('DEL', new)
redis.call('RPUSH', log, ARGV[3])
redis.call('HSET', new, unpack(ARGV, 4))
-- It may have been indexed since it was read.
local find = field(saga, 'find')
if find ~= '' then redis.call('HSET', new, 'find', find) end
redis.call('RENAME', new, saga)
redis.call('LTRIM', log, -1, -1)
return { 1 }
