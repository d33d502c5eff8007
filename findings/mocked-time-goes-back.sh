#!/usr/bin/env bash
# ioredis-mock 8.13.1, TIME.
#
# Guess: seconds and microseconds are of one clock, as Redis promises, and never go back but with the clock itself.
# Instead: the seconds are those of the wall clock, rounded to the nearest, and the microseconds those of the monotonic
# clock, which begin a new second at another moment. Put together they go back by up to a second, every second.
# Why it matters: a lease, a lock or a delayed job that is reckoned from TIME, as scripts must, now and then ends before it
# began. A test on the mock fails one time in some hundred, and the code is blamed.
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
const began = performance.now();
let before = 0;
let back = 0;
let furthest = 0;
// Each clock begins a second once in this time.
while (performance.now() - began < 2500) {
  const [seconds, microseconds] = await redis.time();
  const now = Number(seconds) * 1e6 + Number(microseconds);
  if (now < before) {
    back += 1;
    furthest = Math.max(furthest, before - now);
  }
  before = now;
}
redis.disconnect();
console.log(`it went back ${back} times in 2.5 s, by ${(furthest / 1000).toFixed(0)} ms at most`);
assert.ok(back >= 2, 'it goes on as it should');
console.log('seen: TIME goes back every second');
JS
node "$dir/show.mjs"
