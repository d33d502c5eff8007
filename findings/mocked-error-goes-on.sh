#!/usr/bin/env bash
# ioredis-mock 8.13.1, redis.call() that fails within a script.
#
# Guess: the script ends there with that error, as on the server. Only redis.pcall goes on. A missing field of HMGET is
# false, so `if value then` and `value or default` work.
# Instead: the script goes on after the failed call, writes what comes after it, and answers as if all was well. A missing
# field is a userdata, which counts as true.
# Why it matters: a fence in a script ("this key is of the wrong type, stop") holds on the server and is walked through in
# the tests; and "is there a lease already?" is yes for a hash that does not exist. Tests pass on code that is wrong and
# fail on code that is right.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" ioredis-mock@8.13.1 ioredis@5.11.1
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Redis from 'ioredis-mock';

console.log('ioredis-mock', JSON.parse(readFileSync(new URL('node_modules/ioredis-mock/package.json', import.meta.url))).version);
const redis = new Redis();
await redis.set('saga', 'a string');
const fence = `redis.call('HGET', 'saga', 'owner') redis.call('SET', 'charged', 'yes') return 'done'`;
const answer = await redis.eval(fence, 0);
const charged = await redis.get('charged');
console.log('after a failed redis.call: answer', answer, 'and charged', charged);
const lease = `local lease = redis.call('HMGET', 'nobody', 'owner')
  if lease[1] then return type(lease[1]) .. ' counts as true' end
  return 'free'`;
const missing = await redis.eval(lease, 0);
console.log('a missing field:', missing);
await redis.quit();
assert.deepEqual([answer, charged, missing], ['done', 'yes', 'userdata counts as true']);
console.log('seen: errors do not stop a script, what is missing counts as there');
JS
node "$dir/show.mjs"
