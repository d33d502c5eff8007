#!/usr/bin/env bash
# async-retry 1.3.3, bail() in a function that then throws.
#
# Guess: bail() is the end: the promise is rejected with that error and the function is not called again.
# Instead: the promise is rejected at once, and the function is called again behind it, as often as the retries allow. Only
# one that returns after bail(), as in the README's example, is not called again.
# Why it matters: bail() is said to a step that must not be repeated: the card was refused. The caller has had the answer and
# compensates, while the step goes on charging in the background, with nobody to hear what comes of it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" async-retry@1.3.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import retry from 'async-retry';

console.log('async-retry', JSON.parse(readFileSync(new URL('node_modules/async-retry/package.json', import.meta.url))).version);
async function charges(after) {
  let calls = 0;
  const charge = async (bail) => {
    calls++;
    const refused = new Error('card refused');
    bail(refused);
    if (after === 'throws') throw refused;
  };
  const answer = await retry(charge, { retries: 3, minTimeout: 20, factor: 1, randomize: false }).catch((error) => error.message);
  const before = calls;
  await new Promise((resolve) => setTimeout(resolve, 500));
  console.log(`${after} after bail(): the caller got "${answer}" after ${before} call, in the end ${calls} calls`);
  return [answer, before, calls];
}
assert.deepEqual(await charges('returns'), ['card refused', 1, 1]);
assert.deepEqual(await charges('throws'), ['card refused', 1, 4]);
console.log('seen: the function is called again behind the rejected promise');
JS
node "$dir/show.mjs"
