#!/usr/bin/env bash
# xstate 5.33.3, initialTransition() and transition().
#
# Guess: what an assign throws on the way into the initial state is thrown, as it is from any later step by transition().
# Instead: it is returned: a snapshot with status "error", in the initial state, with no actions. It persists and can be restored.
# Why it matters: whoever drives machines by the pure functions wraps transition() for what definitions throw, and stores what the first
# step gives. So a machine that never began is stored as one that runs, and asks for nothing.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { assign, createMachine, initialTransition, transition } from 'xstate';

const fails = assign(() => {
  throw new Error('no items');
});
const at = (entry, later) =>
  createMachine({
    initial: 'placed',
    states: { placed: { ...(entry && { entry }), on: { pay: 'paid' } }, paid: { ...(later && { entry: later }) } },
  });

const outcome = (step) => {
  try {
    const [{ status, value }, actions] = step();
    return `returned: ${status}, ${value}, ${actions.length} actions`;
  } catch (error) {
    return `thrown: ${error.message}`;
  }
};
const first = outcome(() => initialTransition(at(fails)));
const machine = at(null, fails);
const later = outcome(() => transition(machine, initialTransition(machine)[0], { type: 'pay' }));
console.log('xstate 5.33.3');
console.log('in the initial state:', first);
console.log('in a later state:    ', later);
assert.equal(first, 'returned: error, placed, 0 actions');
assert.equal(later, 'thrown: no items');
console.log('seen: the first step returns its error, every other one throws it');
JS
node "$dir/show.mjs"
