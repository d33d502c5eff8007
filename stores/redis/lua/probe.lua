-- Asks what the user may do, by commands that Redis checks for it and that change nothing then: their arguments are wrong, or
-- the key is of another type.
-- KEYS: 1 a hash that is there, 2 a key that never is, then keys that must be read and written
-- Returns: what was asked and the refusal, in turn: a command's name in small letters, or a key

-- ioredis-mock has no users, and would carry out what is wrong.
if not redis.error_reply then return {} end

local hash, none = KEYS[1], KEYS[2]
local asked = {
  { 'EXISTS', hash }, { 'HGET', hash, 'store' }, { 'HMGET', hash, 'store' }, { 'HGETALL', hash }, { 'HLEN', hash },
  { 'HSET', hash, 'a', 'b', 'c' }, { 'HDEL', hash, '' },
  { 'HINCRBY', hash, 'store', 'x' }, { 'GET', hash }, { 'MGET', none }, { 'SET', none, '', 'EX', 'x' }, { 'SETRANGE', none, 'x', '' }, { 'DEL', none }, { 'RENAME', none, none },
  { 'LINDEX', hash, 0 }, { 'LRANGE', hash, 0, -1 }, { 'LTRIM', hash, 0, -1 },
  { 'ZADD', hash, 'x', '' }, { 'ZREM', hash, '' }, { 'ZREMRANGEBYSCORE', hash, 'x', 'x' }, { 'ZCARD', hash },
  { 'ZSCORE', hash, '' }, { 'ZRANGE', hash, 0, -1 }, { 'ZRANGEBYSCORE', hash, 'x', 'x' },
  { 'ZRANGEBYLEX', hash, '-', '+' }, { 'ZREVRANGEBYLEX', hash, '+', '-' },
  { 'XADD', hash, 'x', '', '' }, { 'XLEN', hash }, { 'XRANGE', hash, '-', '+' }, { 'XREVRANGE', hash, '+', '-' },
  { 'TIME' }, { 'PING' },
}
-- These have no wrong arguments: they are asked only where the key is surely of another type, and has the field.
if type(redis.pcall('HGET', hash, 'store')) == 'string' then
  asked[#asked + 1] = { 'APPEND', hash, '' }
  asked[#asked + 1] = { 'RPUSH', hash, '' }
  asked[#asked + 1] = { 'LPUSH', hash, '' }
  asked[#asked + 1] = { 'HSETNX', hash, 'store', '' }
end

local refused = {}
local function ask(name, command)
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err then
    refused[#refused + 1] = name
    refused[#refused + 1] = reply.err
  end
end
for _, command in ipairs(asked) do ask(string.lower(command[1]), command) end
for i = 1, #KEYS do
  ask(KEYS[i], { 'EXISTS', KEYS[i] })
  ask(KEYS[i], { 'ZREM', KEYS[i], '' })
end
return refused
