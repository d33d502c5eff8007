#!/usr/bin/env bash
# javascript-state-machine 3.1.0.
#
# Guess: a transition whose hook throws has not happened, and can be tried again, as one whose hook's promise is rejected can.
# Instead: from then on every transition is refused as "invalid while previous transition is still in progress". Nothing ends that.
# Why it matters: what threw was the code around one call; the machine that holds the order is lost with it, and must be made anew.
# A hook that is made async behaves otherwise, so a refactoring that takes an await away brings it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" javascript-state-machine@3.1.0
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import StateMachine from 'javascript-state-machine';

async function twice(hook) {
  let isBroken = true;
  const order = new StateMachine({
    init: 'placed',
    transitions: [
      { name: 'pay', from: 'placed', to: 'paid' },
      { name: 'cancel', from: 'placed', to: 'cancelled' },
    ],
    methods: { onBeforePay: () => (isBroken ? hook() : undefined) },
  });
  const attempt = async (name) => {
    try {
      await order[name]();
      return order.state;
    } catch (error) {
      return error.message;
    }
  };
  const first = await attempt('pay');
  isBroken = false;
  return [first, await attempt('pay'), await attempt('cancel')];
}
const rejected = await twice(() => Promise.reject(new Error('the bank is away')));
const thrown = await twice(() => {
  throw new Error('the bank is away');
});
console.log('javascript-state-machine 3.1.0');
console.log('rejected:', rejected);
console.log('thrown:  ', thrown);
const blocked = 'transition is invalid while previous transition is still in progress';
assert.deepEqual(rejected.slice(0, 2), ['the bank is away', 'paid']);
assert.deepEqual(thrown, ['the bank is away', blocked, blocked]);
console.log('seen: once a hook has thrown, the machine takes nothing any more');
JS
node "$dir/show.mjs"
