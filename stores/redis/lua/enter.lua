-- Makes a saga found by terms that its record has not, because an older release has written it.
-- KEYS: 1 saga, then as `enter` has them
-- ARGV: 1 as `enter` has it
-- Returns: 1 where there is such a saga

local saga = KEYS[1]
local found = read(saga, { 'write_id', 'find' })
if found[1] == '' then return { 0 } end
local find = enter(ARGV[1], found[2], 1)
if find ~= found[2] then redis.call('HSET', saga, 'find', find) end
return { 1 }
