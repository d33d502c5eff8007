#!/usr/bin/env bash
# cockatiel 3.2.1, retry() with maxAttempts: 3.
#
# Guess: three calls. The option is called so, and the README says "the number of attempts to make before giving up" and
# "try whatever function we execute 3 times".
# Instead: four calls: the first is not counted. With 1 there are two, and attempt, as the function is told it, is 0 to 3.
# Why it matters: a limit of attempts is agreed with a payment service, or is 1 because a step must not run twice. With 1 it
# runs twice.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" cockatiel@3.2.1
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ConstantBackoff, handleAll, retry } from 'cockatiel';

console.log('cockatiel', JSON.parse(readFileSync(new URL('node_modules/cockatiel/package.json', import.meta.url))).version);
async function attempts(maxAttempts) {
  const told = [];
  const policy = retry(handleAll, { maxAttempts, backoff: new ConstantBackoff(1) });
  const failing = ({ attempt }) => {
    told.push(attempt);
    throw new Error('busy');
  };
  await assert.rejects(policy.execute(failing), { message: 'busy' });
  console.log(`maxAttempts: ${maxAttempts}, called ${told.length} times, attempts`, told);
  return told;
}
assert.deepEqual(await attempts(1), [0, 1]);
assert.deepEqual(await attempts(3), [0, 1, 2, 3]);
console.log('seen: one attempt more than the most');
JS
node "$dir/show.mjs"
