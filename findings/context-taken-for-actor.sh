#!/usr/bin/env bash
# xstate 5.33.3, getPersistedSnapshot() with plain data in the context.
#
# Guess: data that went through JSON comes back as it was.
# Instead: an object that has the three keys sessionId, send and ref, whatever their values, is taken for an actor.
# It is replaced by a marker, all else in it is lost, and after restoring the place holds undefined. Two of the three
# keys are kept as they are.
# Why it matters: answers of services go into the context, and sessionId, ref and send are words of payment and mail
# services. Nothing fails when it is saved; the loss shows after a crash, when the data is needed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" xstate@5.33.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createActor, createMachine } from 'xstate';

console.log('xstate', JSON.parse(readFileSync(new URL('node_modules/xstate/package.json', import.meta.url))).version);
const machine = createMachine({
  context: {
    checkout: { sessionId: 'session-1', ref: 'order-7', send: true, amount: 1999 },
    receipt: { sessionId: 'session-1', ref: 'order-7', amount: 1999 },
  },
});
const saved = JSON.parse(JSON.stringify(createActor(machine).start().getPersistedSnapshot()));
console.log('given:   ', JSON.stringify(machine.config.context));
console.log('saved:   ', JSON.stringify(saved.context));
assert.deepEqual(saved.context.receipt, machine.config.context.receipt);
assert.equal(JSON.stringify(saved.context.checkout), '{"xstate$$type":1}');
const restored = createActor(machine, { snapshot: saved }).start().getSnapshot().context;
console.log('restored:', restored);
assert.equal(restored.checkout, undefined);
console.log('seen: plain data is taken for an actor and lost');
JS
node "$dir/show.mjs"
