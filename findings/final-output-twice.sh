#!/usr/bin/env bash
# xstate 5.33.3, the output of a final state at the root.
#
# Guess: the function runs once, when the state is entered.
# Instead: where the machine has an output of its own, the final state's runs twice in one transition. The machine's output
# sees the second value; the first went nowhere. Nested one level deeper it runs once.
# Why it matters: outputs are where ids and receipts are made. Whoever counts or records in there does it twice, and a
# function that was pure by luck in a nested state is not when the state is moved to the root.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createMachine, initialTransition, transition } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
let made = 0;
const ending = () => ({
  initial: 'open',
  states: { open: { on: { END: 'end' } }, end: { type: 'final', output: () => ({ receipt: ++made }) } },
});
const run = (machine) => {
  made = 0;
  const [first] = initialTransition(machine);
  const [last] = transition(machine, first, { type: 'END' });
  return { made, output: last.output };
};

const root = run(createMachine({ ...ending(), output: ({ event }) => event.output }));
const nested = run(createMachine({ initial: 'work', states: { work: { ...ending(), onDone: 'over' }, over: {} } }));
console.log('at the root:', root);
console.log('nested:     ', nested);
assert.deepEqual(root, { made: 2, output: { receipt: 2 } });
assert.equal(nested.made, 1);
console.log('seen: two values made, the second one used');
JS
node "$dir/show.mjs"
