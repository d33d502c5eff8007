#!/usr/bin/env bash
# xstate 5.33.3, an event that no state handles, and `always`.
#
# Guess: eventless transitions follow a transition that was taken. An event that nothing handles changes nothing: SCXML
# looks for eventless transitions after a step, and the XState pages say "immediately after normal transitions".
# Instead: every event that arrives, also of a type the machine has never heard of, has the guards of `always` asked again;
# they see that event, and so does the entry action of the state that is then entered.
# Why it matters: a durable machine is not asked between events, so a guard on anything but the context (a clock, a flag
# outside) turns true at the next stray event, and the log says that a stranger moved the saga.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { assign, createMachine, initialTransition, transition } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const seen = new Set();
const machine = createMachine({
  context: { movedBy: null },
  initial: 'waiting',
  states: {
    waiting: {
      on: { ANSWER: 'moved' },
      always: {
        guard: ({ event }) => {
          seen.add(event.type);
          return event.type === 'audit.read';
        },
        target: 'moved',
      },
    },
    moved: { entry: assign({ movedBy: ({ event }) => event.type }) },
  },
});
let [snapshot] = initialTransition(machine);
[snapshot] = transition(machine, snapshot, { type: 'nobody.handles.this' });
assert.equal(snapshot.value, 'waiting');
[snapshot] = transition(machine, snapshot, { type: 'audit.read' });
console.log('the guard was asked about:', [...seen].join(', '));
console.log('now:', snapshot.value, snapshot.context);
assert.deepEqual([...seen], ['xstate.init', 'nobody.handles.this', 'audit.read']);
assert.deepEqual([snapshot.value, snapshot.context.movedBy], ['moved', 'audit.read']);
console.log('seen: an event that no state handles takes an eventless transition');
JS
node "$dir/show.mjs"
