#!/usr/bin/env bash
# xstate 5.33.3, spawnChild() with an id that is taken.
#
# Guess: it throws, as a systemId that is taken does; or the first child is stopped and replaced.
# Instead: the second takes the place in children, and the first runs on where nobody reaches it. sendTo and stopChild go to
# the second, the persisted snapshot knows of one, and stopping the parent stops neither the first nor its timers.
# Why it matters: an entry action that spawns a poller or a timer under a fixed id runs again whenever its state is entered
# again. Each time one more poller stays behind, acting for a saga that may be long over.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createActor, fromCallback, sendTo, setup, spawnChild } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const trail = [];
let children = 0;
const poller = fromCallback(({ receive }) => {
  const name = `child ${++children}`;
  trail.push(`${name} starts`);
  receive((event) => trail.push(`${name} gets ${event.type}`));
  return () => trail.push(`${name} is stopped`);
});
const machine = setup({ actors: { poller } }).createMachine({
  on: { POLL: { actions: spawnChild('poller', { id: 'poller' }) }, ASK: { actions: sendTo('poller', { type: 'ASK' }) } },
});
const actor = createActor(machine).start();
actor.send({ type: 'POLL' });
actor.send({ type: 'POLL' });
actor.send({ type: 'ASK' });
const known = Object.keys(actor.getPersistedSnapshot().children);
actor.stop();
await new Promise((resolve) => setTimeout(resolve, 50));
console.log(trail.join('\n'));
console.log('children in the snapshot:', known);
assert.deepEqual(trail, ['child 1 starts', 'child 2 starts', 'child 2 gets ASK', 'child 2 is stopped']);
assert.deepEqual(known, ['poller']);
console.log('seen: the first child is never stopped');
JS
node "$dir/show.mjs"
