-- Keeps the store's time from going back where Redis's own clock is set back: what is missing then is added to it from
-- then on, and taken off again by a hundredth of the time that passes.
-- KEYS: 1 hash: shift and since (what was added, and when by Redis's clock), high (the latest time that was told)
-- ARGV: 1 clock offset without what is added, 2 the time that it is at least, as the caller knows, or 0,
--       3 how far behind that it may be, 4 how much is added at most
-- Returns: Redis's clock, what is added to it, how far it was behind

local raw = clock(ARGV[1])
local found = read(KEYS[1], { 'shift', 'since', 'high' })
local shift, since, high = found[1], found[2], found[3]
local added = math.max(0, (digits(shift) or 0) - math.max(0, raw - (digits(since) or 0)) / 100)
local least = math.max(tonumber(ARGV[2]), digits(high) or 0)
local behind = math.floor(least - raw - added)

if behind <= tonumber(ARGV[3]) then
  behind = 0
elseif behind + added <= tonumber(ARGV[4]) then
  added = added + behind
  lenient('HSET', KEYS[1], 'shift', whole(added), 'since', whole(raw))
end
lenient('HSET', KEYS[1], 'high', whole(raw + added))
return { raw, math.floor(added), behind }
