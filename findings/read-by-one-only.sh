#!/usr/bin/env bash
# ioredis-mock 8.13.1.
#
# Guess: XREAD without a group is a look: entries behind the given id, for everybody who asks, and again for whoever asks again.
# Instead: an entry that was read once is read by nobody after that, and the entry of the given id itself is among those behind it.
# Why it matters: a feed that several follow, or that one resumes from the last id it has seen, passes its tests on the mock only if it
# has the faults that lose and repeat on Redis.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" ioredis-mock@8.13.1 ioredis@5.11.1
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import Redis from 'ioredis-mock';

const redis = new Redis();
const ids = [];
for (const n of ['1', '2', '3']) ids.push(await redis.xadd('feed', `${n}-1`, 'n', n));
const read = async (from) => (await redis.xread('STREAMS', 'feed', from))?.[0]?.[1].map(([id]) => id) ?? [];
const behindFirst = await read(ids[0]);
const again = await read(ids[0]);
console.log('ioredis-mock 8.13.1, entries', ids.join(', '));
console.log(`XREAD behind ${ids[0]}:`, behindFirst);
console.log('the same once more:', again);
assert.deepEqual(behindFirst, ids);
assert.deepEqual(again, []);
console.log('seen: what was read is gone for all, and the id that is known already is told');
JS
timeout 20 node "$dir/show.mjs"
