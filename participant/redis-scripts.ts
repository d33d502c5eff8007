/**
 * The moves of a Redis ledger, each atomic. An entry is a hash: `digest`, `action`, `compensation` and `settled_at` once something was settled;
 * `lock`, whose token has it, and `until`, when others may take it, while a call works at it.
 */

/**
 * KEYS: entry. ARGV: token, lease in ms.
 * @returns digest, action, compensation; an empty list where somebody else has it
 */
export const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HMGET', KEYS[1], 'lock', 'until', 'digest', 'action', 'compensation')
if row[1] and row[1] ~= ARGV[1] and tonumber(row[2]) > now then return {} end
redis.call('HSET', KEYS[1], 'lock', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]))
if not row[4] and not row[5] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return { row[3], row[4], row[5] }`;

/** KEYS: entry. ARGV: token, lease in ms. What was lost meanwhile is not taken back, because others may have settled it. */
export const RENEW = `
if redis.call('HGET', KEYS[1], 'lock') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2]))
local row = redis.call('HMGET', KEYS[1], 'action', 'compensation')
if not row[1] and not row[2] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`;

/** KEYS: entry. ARGV: a command. @returns a digest of its reply, and the reply */
export const READ = `
local reply = redis.call(unpack(ARGV))
return { redis.sha1hex(cjson.encode({ reply })), reply }`;

/**
 * KEYS: entry. ARGV: token, retention in ms, digest, action, compensation ('' for none), effects as JSON.
 * @returns `kept`, or why nothing was
 */
export const COMMIT = `
if redis.call('HGET', KEYS[1], 'lock') ~= ARGV[1] then return 'another call has taken the step' end
local effects = cjson.decode(ARGV[6])
for _, read in ipairs(effects.reads) do
  if redis.sha1hex(cjson.encode({ redis.call(unpack(read.command)) })) ~= read.digest then
    return 'what was read has changed'
  end
end
for _, command in ipairs(effects.writes) do redis.call(unpack(command)) end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'settled_at', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
for at, name in ipairs({ 'digest', 'action', 'compensation' }) do
  if ARGV[at + 2] ~= '' then redis.call('HSET', KEYS[1], name, ARGV[at + 2]) end
end
redis.call('HDEL', KEYS[1], 'lock', 'until')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 'kept'`;

/** KEYS: entry. ARGV: token. A hash without fields is gone. */
export const RELEASE = `
if redis.call('HGET', KEYS[1], 'lock') == ARGV[1] then redis.call('HDEL', KEYS[1], 'lock', 'until') end
return 1`;

/** KEYS: entry. ARGV: time in ms. One that a call works at stays. */
export const FORGET = `
local row = redis.call('HMGET', KEYS[1], 'lock', 'settled_at')
if not row[1] and row[2] and tonumber(row[2]) < tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
return 1`;
