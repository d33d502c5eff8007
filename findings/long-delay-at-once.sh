#!/usr/bin/env bash
# xstate 5.33.3, `after` with a delay of thirty days.
#
# Guess: the state is left after thirty days, if the process lives so long; or the delay is refused as too long.
# Instead: it is left at once, within a millisecond. The delay is handed to setTimeout as it is, which takes no more than
# 2^31 - 1 ms (24.8 days) and makes 1 ms of anything longer. Node prints a warning; the machine knows nothing.
# Why it matters: "may be returned within thirty days", "a trial of thirty days" are the usual long waits of an order. Twenty
# days, and a simulated clock, work; so the tests pass, and in production every order expires as it is placed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createActor, createMachine, SimulatedClock } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const day = 24 * 60 * 60 * 1000;
const order = (days) =>
  createMachine({ initial: 'returnable', states: { returnable: { after: { [days * day]: 'final' } }, final: {} } });
async function soon(days) {
  const actor = createActor(order(days)).start();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { value } = actor.getSnapshot();
  actor.stop();
  return value;
}
const clock = new SimulatedClock();
const simulated = createActor(order(30), { clock }).start();
clock.increment(29 * day);
const outcomes = {
  '20 days, after 0.3 s': await soon(20),
  '30 days, after 0.3 s': await soon(30),
  '30 days, after 29 days of a simulated clock': simulated.getSnapshot().value,
};
console.log(outcomes);
assert.deepEqual(Object.values(outcomes), ['returnable', 'final', 'returnable']);
console.log('seen: thirty days are over at once');
JS
node "$dir/show.mjs"
