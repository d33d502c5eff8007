-- Puts a note in the place of the one that the writer has seen.
-- KEYS: 1 notes
-- ARGV: 1 name, 2 mark of the note that is to stand there, empty for none, 3 mark of the new one, empty to remove it, 4 its text
-- Returns: 1 where it stands as was asked, 0 where another does

local note = redis.call('HGET', KEYS[1], ARGV[1])
local mark = note and string.match(note, '^[^ ]*') or ''
if mark == ARGV[3] then
  return { 1 }
end
if mark ~= ARGV[2] then
  return { 0 }
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. ARGV[4])
end
return { 1 }
