-- Moves entries of a due index on to when their sagas are due, where they are early: advance.lua leaves them as they are.
-- KEYS: 1 due index, then sagas
-- ARGV: their ids
-- Returns: nothing

for i = 1, #ARGV do
  local due, stands = digits(field(KEYS[i + 1], 'due')), redis.call('ZSCORE', KEYS[1], ARGV[i])
  if due and stands and (tonumber(stands) or 0) < due then redis.call('ZADD', KEYS[1], whole(due), ARGV[i]) end
end
return {}
