#!/usr/bin/env bash
# xstate 5.33.3, a delayed raise() that is asked for twice with one id.
#
# Guess: the id is what names the timer, so the second takes the place of the first: one event. At least cancel() with
# that id ends both.
# Instead: both fire. cancel() ends only the newer; the older cannot be cancelled any more and fires after all. Once the older
# has fired, the newer cannot be cancelled either.
# Why it matters: "remind in an hour, and start over with every sign of life" is written as raise() with an id. Each sign of
# life leaves one more timer behind, and an order that was paid and cancelled its reminder is reminded, or expires.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { assign, cancel, createActor, createMachine, raise, SimulatedClock } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const machine = createMachine({
  context: { expired: [] },
  on: {
    ALIVE: { actions: raise(({ event }) => ({ type: 'EXPIRED', after: event.sign }), { id: 'expiry', delay: 1000 }) },
    PAID: { actions: cancel('expiry') },
    EXPIRED: { actions: assign({ expired: ({ context, event }) => [...context.expired, event.after] }) },
  },
});
const expired = (...events) => {
  const clock = new SimulatedClock();
  const actor = createActor(machine, { clock }).start();
  for (const event of events) {
    actor.send(event);
    clock.increment(400);
  }
  clock.increment(5000);
  return actor.getSnapshot().context.expired;
};
const first = { type: 'ALIVE', sign: 'first' };
const second = { type: 'ALIVE', sign: 'second' };
const paid = { type: 'PAID' };
const other = { type: 'OTHER' };
const outcomes = {
  'one timer': expired(first),
  'one timer, cancelled': expired(first, paid),
  'two with one id': expired(first, second),
  'two with one id, cancelled': expired(first, second, paid),
  'two with one id, cancelled when the first had fired': expired(first, second, other, paid),
};
console.log(outcomes);
assert.deepEqual(Object.values(outcomes), [['first'], [], ['first', 'second'], ['first'], ['first', 'second']]);
console.log('seen: of two timers with one id one fires, cancelled or not');
JS
node "$dir/show.mjs"
