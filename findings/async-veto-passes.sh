#!/usr/bin/env bash
# javascript-state-machine 3.1.0.
#
# Guess: a hook before a transition that answers false stops it, whether it answers at once or, being asynchronous, by a promise:
# the library waits for promises of hooks.
# Instead: it waits for the promise and does not look at what it gives. The transition is done, and its call resolves with true.
# Why it matters: `async onBeforePay() { return (await stock()).ok }` reads like a guard, and lets everything through. Only a rejected
# promise stops it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" javascript-state-machine@3.1.0
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import StateMachine from 'javascript-state-machine';

async function fired(onBeforePay) {
  const order = new StateMachine({
    init: 'placed',
    transitions: [{ name: 'pay', from: 'placed', to: 'paid' }],
    methods: { onBeforePay },
  });
  const answer = await order.pay();
  return `${answer}, ${order.state}`;
}
const sync = await fired(() => false);
const promised = await fired(async () => false);
console.log('javascript-state-machine 3.1.0');
console.log('the hook answers false:            ', sync);
console.log('it answers a promise that is false:', promised);
assert.equal(sync, 'false, placed');
assert.equal(promised, 'true, paid');
console.log('seen: a veto by promise is waited for, and passed over');
JS
node "$dir/show.mjs"
