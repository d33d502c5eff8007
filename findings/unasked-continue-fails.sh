#!/usr/bin/env bash
# undici 7.30.2, a server that sends "100 Continue" though nobody asked for it.
#
# Guess: it is skipped, as 102 and 103 are, and the answer that follows counts. RFC 9110, 15.2: a client must be able to
# read one or more 1xx before the final answer, even when it expects none, and may ignore them.
# Instead: the connection is closed and the call fails with UND_ERR_SOCKET, "bad response", while the 200 is on the
# wire. http.get of Node takes the 200.
# Why it matters: some servers send it before each answer to a request with a body, asked or not. The order was
# charged and the caller sees a lost connection: it tries again or compensates what went well.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" undici@7.30.2
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { fetch, request } from 'undici';

console.log('undici', JSON.parse(readFileSync(new URL('node_modules/undici/package.json', import.meta.url))).version);
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (asked) => {
    const [, informational] = asked.toString().match(/^\w+ \/(\d+)/);
    socket.end(`HTTP/1.1 ${informational} Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncharged`);
  });
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const at = (status) => `http://127.0.0.1:${server.address().port}/${status}`;
const callers = {
  async request(url) {
    const answer = await request(url, { method: 'POST', body: 'order-7' });
    return `${answer.statusCode} ${await answer.body.text()}`;
  },
  async fetch(url) {
    const answer = await fetch(url, { method: 'POST', body: 'order-7' });
    return `${answer.status} ${await answer.text()}`;
  },
  'http.get': (url) =>
    new Promise((resolve, reject) => {
      get(url, { agent: false }, async (answer) => resolve(`${answer.statusCode} ${(await answer.toArray()).join('')}`)).on('error', reject);
    }),
};
const seen = {};
for (const [name, call] of Object.entries(callers)) {
  for (const status of [100, 102, 103]) {
    const outcome = await call(at(status)).catch((error) => `${(error.cause ?? error).code}: ${(error.cause ?? error).message}`);
    seen[`${name} ${status}`] = outcome;
    console.log(`${name}, ${status} before the answer: ${outcome}`);
  }
}
server.close();
for (const [what, outcome] of Object.entries(seen))
  assert.equal(outcome, /^(request|fetch) 100$/.test(what) ? 'UND_ERR_SOCKET: bad response' : '200 charged');
console.log('seen: 100 Continue ends the call, 102 and 103 are skipped');
process.exit();
JS
node "$dir/show.mjs"
