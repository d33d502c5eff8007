#!/usr/bin/env bash
# undici 7.30.2, an idle connection that the server resets just as the next request is asked for.
#
# Guess: nothing of the request has been written, so it goes out on a new connection, as it does when the server closes
# with a FIN; or the error says that it was not sent.
# Instead: closed with a FIN it is sent on a new connection. Closed with a RST it fails with ECONNRESET, though no header was
# given to the socket and not a byte was written. A reset half-way through the answer has the same code.
# Why it matters: some load balancers drop idle connections with RST. By the code alone, "never left this process" and
# "perhaps charged" are the same, and a step that must not run twice has to be treated as if it had run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" undici@7.30.2
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Agent, request } from 'undici';

console.log('undici', JSON.parse(readFileSync(new URL('node_modules/undici/package.json', import.meta.url))).version);
const sent = [];
const sockets = [];
channel('undici:client:sendHeaders').subscribe(({ request: one }) => sent.push(one.path));
channel('undici:client:connected').subscribe(({ socket }) => sockets.push(socket));

async function secondRequest(drop) {
  sent.length = 0;
  sockets.length = 0;
  const arrived = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const path = bytes.toString().split(' ')[1];
      arrived.push(path);
      if (path === '/half') return socket.write('HTTP/1.1 200 OK\r\n', () => setTimeout(() => socket.resetAndDestroy(), 50));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    server.last = socket;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dispatcher = new Agent();
  const call = async (path) => {
    const url = `http://127.0.0.1:${server.address().port}${path}`;
    const answer = await request(url, { dispatcher, method: 'PUT', body: 'order-7' });
    return `${answer.statusCode} ${await answer.body.text()}`;
  };
  await call('/first');
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = sockets[0].bytesWritten;
  if (drop) server.last[drop]();
  const outcome = await call(drop ? '/second' : '/half').catch((error) => error.code);
  const written = sockets[0].bytesWritten - before;
  console.log(`${drop ?? 'reset within the answer'}: ${outcome}; headers sent ${sent}, arrived ${arrived}, bytes on the old socket: ${written}`);
  await dispatcher.close();
  server.close();
  return { outcome, sent: [...sent], arrived, written };
}

const whole = ['/first', '/second'];
assert.deepEqual(await secondRequest('destroy'), { outcome: '200 ok', sent: whole, arrived: whole, written: 0 });
assert.deepEqual(await secondRequest('resetAndDestroy'), {
  outcome: 'ECONNRESET',
  sent: ['/first'],
  arrived: ['/first'],
  written: 0,
});
const half = await secondRequest();
assert.equal(half.outcome, 'ECONNRESET');
assert.deepEqual(half.arrived, ['/first', '/half']);
console.log('seen: a request that was never sent fails like one that was');
JS
node "$dir/show.mjs"
