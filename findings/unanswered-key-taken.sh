#!/usr/bin/env bash
# @node-idempotency/core 1.0.11.
#
# Guess: a key whose request never came to its end (the process died in the handler) is free again after a while: what is in
# progress is held by a lease of seconds, as a lock is, and only answers are kept for the day that the time to live says.
# Instead: both have one time to live. The repeat is refused as REQUEST_IN_PROGRESS for 24 hours; with the strategy that waits,
# after five seconds each time. Nothing tells it from a request that is being worked on.
# Why it matters: the repeat after a crash is what an idempotency key is for. A coordinator that repeats its step finds it taken,
# by nobody, for a day: the step neither succeeds nor fails, and cannot be undone, since the compensation has to know which.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" \
  @node-idempotency/core@1.0.11 @node-idempotency/storage-adapter-memory@1.0.2
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import core from '@node-idempotency/core';
import memory from '@node-idempotency/storage-adapter-memory';

const { Idempotency } = core;
const { MemoryStorageAdapter } = memory;
const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
console.log('@node-idempotency/core', versionOf('@node-idempotency/core'));

/** What the storage is asked to keep, and for how long. */
const kept = [];
const storage = new MemoryStorageAdapter();
const asked = new Proxy(storage, {
  get(target, name) {
    const found = target[name];
    if (typeof found !== 'function') return found;
    return (...args) => {
      if (name === 'set' || name === 'setIfNotExists') kept.push([JSON.parse(args[1]).status, args[2].ttl]);
      return found.apply(target, args);
    };
  },
});
const request = (key) => ({ headers: { 'Idempotency-Key': key }, path: '/pay', method: 'POST', body: { amount: 12 } });
const served = new Idempotency(asked);
await served.onRequest(request('whole'));
await served.onResponse(request('whole'), { body: { paid: true }, additional: { statusCode: 201 } });
// Of this one the process dies before it has answered: another one is asked with the same key.
await served.onRequest(request('broken off'));
const another = (more) => new Idempotency(asked, more);
const told = (promise) => promise.then(() => 'go on', ({ code }) => code);
const now = await told(another().onRequest(request('broken off')));
const waited = await told(
  another({ inProgressStrategy: { wait: true, pollingIntervalMs: 20, maxWaitMs: 200 } }).onRequest(request('broken off')),
);
console.log('kept, with milliseconds:', kept.slice(0, 3));
console.log('the repeat is told:', now, '- where it waits:', waited);
const day = 24 * 3600 * 1000;
assert.deepEqual(kept.slice(0, 3), [['IN_PROGRESS', day], ['COMPLETE', day], ['IN_PROGRESS', day]]);
assert.deepEqual([now, waited], ['REQUEST_IN_PROGRESS', 'REQUEST_IN_PROGRESS']);
console.log('seen: a request that was broken off holds its key as long as an answer does');
process.exit(0);
JS
timeout 60 node "$dir/show.mjs"
