#!/usr/bin/env bash
# node-sagas 0.0.6.
#
# Guess: where a compensation fails, the steps before it are compensated all the same, and the error says what began it.
# Instead: undoing ends there. What was done before that step stays done, and the error knows the compensation's fault alone; that of
# the step that failed is nowhere.
# Why it matters: one refusal while undoing leaves everything before it standing: the seat, the stock, the charge. Who reads the error
# looks for the cause at the wrong service.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" node-sagas@0.0.6
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import sagas from 'node-sagas';

const called = [];
const say = (what, fails = '') => async () => {
  called.push(what);
  if (fails) throw new Error(fails);
};
const saga = new sagas.SagaBuilder()
  .step('stock').invoke(say('reserve')).withCompensation(say('release'))
  .step('charge').invoke(say('charge')).withCompensation(say('refund', 'refund is refused'))
  .step('parcel').invoke(say('send', 'no carrier')).withCompensation(say('call back'))
  .build();
const error = await saga.execute({}).then(() => null, (thrown) => thrown);
console.log('node-sagas 0.0.6');
console.log('called:', called.join(', '));
console.log('error: ', error?.constructor.name, error?.message);
assert.deepEqual(called, ['reserve', 'charge', 'send', 'call back', 'refund']);
assert.equal(error.message, 'refund is refused');
assert.doesNotMatch(inspect(error, { depth: 5 }), /no carrier/);
console.log('seen: stock is never released, and nobody learns that there was no carrier');
JS
node "$dir/show.mjs"
