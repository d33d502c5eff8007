#!/usr/bin/env bash
# xstate 5.33.3, toPromise() of an actor that is stopped.
#
# Guess: the actor is stopped before its end, so the promise is rejected, or at worst stays open.
# Instead: it is resolved, with undefined. An invoked promise that never settled looks the same as one that returned
# nothing. Asked after the stop, the same function gives a promise that stays open; so it depends on the order.
# Why it matters: await toPromise(actor) is how a step waits for its sub-process. A shutdown or a lost lease stops the
# actor, and the waiting code goes on as after success.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createActor, createMachine, fromPromise, toPromise } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const unpaid = createMachine({
  initial: 'unpaid',
  states: { unpaid: { on: { PAY: 'paid' } }, paid: { type: 'final' } },
  output: { paid: true },
});
const settled = (promise) =>
  Promise.race([
    promise.then(
      (value) => ['resolved', value],
      (error) => ['rejected', error],
    ),
    new Promise((resolve) => setTimeout(resolve, 300, ['open'])),
  ]);
for (const [name, logic] of [
  ['a machine', unpaid],
  ['a promise', fromPromise(() => new Promise(() => {}))],
]) {
  const actor = createActor(logic).start();
  const waiting = toPromise(actor);
  actor.stop();
  const before = await settled(waiting);
  const after = await settled(toPromise(actor));
  console.log(`${name}, stopped: status ${actor.getSnapshot().status}; asked before`, before, 'and after', after);
  assert.deepEqual(before, ['resolved', undefined]);
  assert.deepEqual(after, ['open']);
}
console.log('seen: a stop looks like success with no value');
JS
node "$dir/show.mjs"
