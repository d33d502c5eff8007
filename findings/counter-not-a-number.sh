#!/usr/bin/env bash
# prom-client 15.1.3, Counter.inc(NaN).
#
# Guess: it throws, as inc(-1), inc(Infinity) and inc('5') do, and as observe(NaN) of a histogram does.
# Instead: it is taken. The counter is NaN from then on, whatever is added, and is written as "Nan".
# Why it matters: one order without an amount, and the sum of all amounts is gone until the process starts again. rate() of
# it is NaN, no alert that compares it fires, and the guard that is there for every other wrong value says nothing.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" prom-client@15.1.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import client from 'prom-client';

console.log('prom-client', JSON.parse(readFileSync(new URL('node_modules/prom-client/package.json', import.meta.url))).version);
const registers = [new client.Registry()];
const amounts = new client.Counter({ name: 'amounts_total', help: 'charged, cents', registers });
const seconds = new client.Histogram({ name: 'step_seconds', help: 'time of a step', buckets: [1], registers });
amounts.inc(1999);
const taken = (call) => {
  try {
    call();
    return 'taken';
  } catch (error) {
    return `refused: ${error.message}`;
  }
};
for (const value of [-1, Infinity, '5', NaN]) {
  const outcome = taken(() => amounts.inc(value));
  console.log('inc', value, outcome);
  assert.equal(outcome === 'taken', Number.isNaN(value));
}
const observed = taken(() => seconds.observe(NaN));
console.log('observe', NaN, observed);
assert.match(observed, /^refused/);
amounts.inc(500);
const line = (await registers[0].metrics()).split('\n').find((one) => one.startsWith('amounts_total'));
console.log(line);
assert.equal(line, 'amounts_total Nan');
console.log('seen: one NaN and the counter is lost');
JS
node "$dir/show.mjs"
