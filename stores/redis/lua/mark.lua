-- Changes what the mark of a store says of its layout, if it says what is expected.
-- KEYS: 1 mark
-- ARGV: 1 expected layout, 2 new layout, 3 number of partitions whose keys are left to be removed, or empty
-- Returns: the layout that it says then

if redis.call('HGET', KEYS[1], 'partitions') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'partitions', ARGV[2], 'left', ARGV[3])
end
return redis.call('HGET', KEYS[1], 'partitions')
