#!/usr/bin/env bash
# sonic-boom 4.2.1, what pino writes through, with `periodicFlush`.
#
# Guess: a periodic flush does something where there is something to flush.
# Instead: with nothing logged it writes an empty text each time, by a call to the system on a thread of the pool.
# Why it matters: a service that is otherwise idle is woken three times for each of them: with the 50 ms that keep logs fresh that was a
# good part of what an idle coordinator took of a CPU.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" sonic-boom@4.2.1
cat >"$dir/show.cjs" <<'JS'
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { join } = require('node:path');
const SonicBoom = require('sonic-boom');

const written = [];
const { write } = fs;
fs.write = (fd, data, ...rest) => {
  written.push(String(data));
  return write(fd, data, ...rest);
};
const log = new SonicBoom({ dest: join(__dirname, 'log'), sync: false, minLength: 4096, periodicFlush: 10 });
log.on('write', () => {
  if (written.length < 5) return;
  console.log('sonic-boom 4.2.1, nothing was logged');
  console.log('written:', JSON.stringify(written));
  assert.deepEqual(written, ['', '', '', '', '']);
  console.log('seen: each flush writes, with nothing to write');
  process.exit(0);
});
setTimeout(() => process.exit(1), 30_000);
JS
node "$dir/show.cjs"
