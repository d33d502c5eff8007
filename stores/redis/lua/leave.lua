-- Takes an entry that leads nowhere out of its bucket, if that is still as it was read.
-- KEYS: 1 bucket
-- ARGV: 1 what was read, 2 the same without the entry
-- Returns: 1 where that was done

local bucket = KEYS[1]
if textOf(lenient('GET', bucket)) ~= ARGV[1] then return { 0 } end
if ARGV[2] == '' then redis.call('DEL', bucket) else redis.call('SET', bucket, ARGV[2]) end
return { 1 }
