-- Drops the oldest lines of an audit, and adds those that say so.
-- KEYS: 1 audit
-- ARGV: 1 the end to which they are linked, 2 how many go, 3... lines
-- Returns: code, 0, 0, 0; where the audit has another end its last line and that end

local found, last = endOf(KEYS[1])
if found ~= ARGV[1] then return { UNLINKED, 0, 0, 0, last, found } end
-- What frees memory comes first: a Redis that is full takes what comes after it.
redis.call('LTRIM', KEYS[1], ARGV[2], -1)
link(KEYS[1], found, { unpack(ARGV, 3) })
return { DONE, 0, 0, 0 }
