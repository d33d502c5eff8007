#!/usr/bin/env bash
# prom-client 15.1.3, label values with a comma and a colon.
#
# Guess: a label value is any text, so two sets of labels that differ are two series.
# Instead: a series is kept under its labels joined as "name:value,name:value", nothing escaped. Values that read the same when
# joined are counted as one, under the labels that came first.
# Why it matters: labels are filled from names that users choose, of steps, tenants, topics. The output is well escaped and
# shows nothing: the failures of one step stand under another that never failed.
# Met while looking for something else; the guess is what we had built on, not one written down for this run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" prom-client@15.1.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import client from 'prom-client';

console.log('prom-client', JSON.parse(readFileSync(new URL('node_modules/prom-client/package.json', import.meta.url))).version);
const registry = new client.Registry();
const failures = new client.Counter({
  name: 'failures_total',
  help: 'steps that failed',
  labelNames: ['saga', 'step'],
  registers: [registry],
});
failures.inc({ saga: 'order', step: 'charge' });
failures.inc({ saga: 'a', step: 'b,step:c' });
failures.inc({ saga: 'a,step:b', step: 'c' });
const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('failures_total'));
console.log(lines.join('\n'));
assert.deepEqual(lines, [
  'failures_total{saga="order",step="charge"} 1',
  'failures_total{saga="a",step="b,step:c"} 2',
]);
console.log('seen: two sets of labels are counted as one');
JS
node "$dir/show.mjs"
