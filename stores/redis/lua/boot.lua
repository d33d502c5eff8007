-- Raises a coordinator's boot number.
-- KEYS: 1 boot numbers
-- ARGV: 1 coordinator's name
-- Returns: the number

-- A Redis that is full refuses what may need memory, unless something was written before it: so a coordinator can start, and
-- purge what fills it.
redis.call('HDEL', KEYS[1], '')
return { redis.call('HINCRBY', KEYS[1], ARGV[1], 1) }
