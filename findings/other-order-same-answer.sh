#!/usr/bin/env bash
# Restate 1.7.12 with its SDK 1.17.2, an Idempotency-Key that is sent a second time with another body.
#
# Guess: refused, as with those who made the header common, and in the draft of its standard: a key belongs to one request.
# Instead: 200 with the first order's answer. What the second asked for is looked at by nobody, and nothing says so, neither status
# nor header.
# Why it matters: a key that is made of too little (a cart's id, a day) makes of two orders one, and the second customer is told that the
# order is done.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" \
  @restatedev/restate-server@1.7.12 @restatedev/restate-sdk@1.17.2
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

// The SDK calls this, which Node has from 22 on.
Promise.withResolvers ??= () => {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
const { createEndpointHandler, service } = await import('@restatedev/restate-sdk');

const here = async () => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  taken.close();
  return `127.0.0.1:${port}`;
};
const [ingress, admin, node] = [await here(), await here(), await here()];
const folder = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
// The program itself: what npm links to starts it as a child, which would outlive it.
const packages = join(folder, 'node_modules/@restatedev');
const program = readdirSync(packages).find((name) => name.startsWith('restate-server-'));
const restate = spawn(join(packages, program, 'bin/restate-server'), ['--no-logo', '--base-dir', join(folder, 'data')], {
  env: {
    PATH: process.env.PATH,
    RESTATE_BIND_ADDRESS: node,
    RESTATE_INGRESS__BIND_ADDRESS: ingress,
    RESTATE_ADMIN__BIND_ADDRESS: admin,
    RESTATE_DISABLE_TELEMETRY: 'true',
  },
  stdio: 'ignore',
});
process.on('exit', () => restate.kill('SIGKILL'));

const charged = [];
const orders = service({
  name: 'orders',
  handlers: {
    place: (ctx, order) =>
      ctx.run('charge', () => {
        charged.push(order.customer);
        return `${order.customer} has paid ${order.amount}`;
      }),
  },
});
const endpoint = createServer(createEndpointHandler({ services: [orders], logger: () => {} })).listen(0, '127.0.0.1');
await once(endpoint, 'listening');

const isUp = (url) => fetch(url).then(({ ok }) => ok, () => false);
for (let n = 0; !((await isUp(`http://${admin}/health`)) && (await isUp(`http://${ingress}/restate/health`))); n += 1) {
  assert(n < 600, 'it does not start');
  await pause(100);
}
const post = (url, body, headers = {}) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
const { status: registered } = await post(`http://${admin}/deployments`, { uri: `http://127.0.0.1:${endpoint.address().port}` });
assert.equal(registered, 201);

const place = async (order) => {
  const answer = await post(`http://${ingress}/orders/place`, order, { 'idempotency-key': 'cart-7' });
  return [answer.status, await answer.json()];
};
console.log('Restate 1.7.12, twice the key cart-7');
const first = await place({ customer: 'Ada', amount: 5 });
console.log('Ada, 5:  ', ...first);
const second = await place({ customer: 'Grace', amount: 900 });
console.log('Grace, 900:', ...second);
assert.deepEqual(first, [200, 'Ada has paid 5']);
assert.deepEqual(second, first);
assert.deepEqual(charged, ['Ada']);
console.log('seen: another order under the same key has the first answer, and no error');
const ended = once(restate, 'exit');
restate.kill('SIGKILL');
await ended;
process.exit();
JS
timeout 120 node "$dir/show.mjs"
