#!/usr/bin/env bash
# xstate 5.33.3, transition() on a snapshot whose status is done.
#
# Guess: done is done. An actor drops what it is sent after its final state, and the pure function behind it gives the
# same snapshot back with no actions.
# Instead: the event is handled. A transition at the root leaves the final state, changes the context and returns its
# actions to be run; the status stays "done" and the output stays that of before, beside a state that is not final. can()
# says true, also of an actor's own snapshot, although that actor drops the event.
# Why it matters: who drives XState by its pure functions, to save each snapshot before acting, meets late and repeated
# events after the end as a matter of course. Here a CANCEL after shipping returns the refund to be made, and the record
# says done and cancelled. The check for "done" has to be one's own.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { assign, createActor, createMachine, initialTransition, transition } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const machine = createMachine({
  context: { refunds: 0 },
  initial: 'packing',
  states: { packing: { on: { SHIP: 'shipped' } }, shipped: { type: 'final' }, cancelled: {} },
  on: { CANCEL: { target: '.cancelled', actions: [assign({ refunds: 1 }), { type: 'refund' }] } },
  output: ({ context }) => ({ refunds: context.refunds }),
});
let [snapshot] = initialTransition(machine);
[snapshot] = transition(machine, snapshot, { type: 'SHIP' });
console.log('after SHIP:  ', snapshot.status, snapshot.value, snapshot.context, snapshot.output);
assert.equal(snapshot.status, 'done');
assert.equal(snapshot.can({ type: 'CANCEL' }), true);

const [after, actions] = transition(machine, snapshot, { type: 'CANCEL' });
console.log('after CANCEL:', after.status, after.value, after.context, after.output, actions.map((action) => action.type));
assert.deepEqual([after.status, after.value, after.context.refunds], ['done', 'cancelled', 1]);
assert.deepEqual([after.output, actions.map((action) => action.type)], [{ refunds: 0 }, ['refund']]);

const actor = createActor(machine).start();
actor.send({ type: 'SHIP' });
actor.send({ type: 'CANCEL' });
console.log('an actor:    ', actor.getSnapshot().status, actor.getSnapshot().value);
assert.equal(actor.getSnapshot().value, 'shipped');
assert.equal(actor.getSnapshot().can({ type: 'CANCEL' }), true);
console.log('seen: the pure function goes on after the end, the actor does not');
JS
node "$dir/show.mjs"
