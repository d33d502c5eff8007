#!/usr/bin/env bash
# xstate 5.33.3, createActor(machine, { snapshot }) with an actor in the context.
#
# Guess: the persisted snapshot is data. Restoring reads it; two actors restored from one are independent.
# Instead: restoring writes into it. The place in the context that held a marker holds the live actor of the first
# restored machine afterwards. A second one restored from the same object gets that actor in its context, while its own,
# in children, is another that nobody speaks to. A frozen snapshot cannot be restored at all.
# Why it matters: a cache of loaded snapshots, a retry after a failed start, or a test that restores one fixture twice
# wires two sagas to one child.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createActor, fromTransition, setup } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const counter = fromTransition((count, event) => (event.type === 'ADD' ? count + 1 : count), 0);
const machine = setup({ actors: { counter } }).createMachine({
  context: ({ spawn }) => ({ calls: spawn('counter', { id: 'calls' }) }),
});
const saved = JSON.parse(JSON.stringify(createActor(machine).start().getPersistedSnapshot()));
console.log('saved context:', JSON.stringify(saved.context), 'send is', typeof saved.context.calls.send);
const first = createActor(machine, { snapshot: saved }).start().getSnapshot();
console.log('after one restore, in the saved object: send is', typeof saved.context.calls.send);
const second = createActor(machine, { snapshot: saved }).start().getSnapshot();

first.context.calls.send({ type: 'ADD' });
const counts = [first.context.calls, second.context.calls, second.children.calls].map((ref) => ref.getSnapshot().context);
console.log('one ADD to the first: first', counts[0], 'second, in its context', counts[1], 'second, in its children', counts[2]);
assert.equal(typeof saved.context.calls.send, 'function');
assert.deepEqual(counts, [1, 1, 0]);
assert.equal(first.context.calls, second.context.calls);
console.log('seen: the second machine holds the actor of the first');
JS
node "$dir/show.mjs"
