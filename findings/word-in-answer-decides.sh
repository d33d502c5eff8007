#!/usr/bin/env bash
# DTM 1.19.0 (github.com/dtm-labs/dtm, Go), with its default store.
#
# Guess: what a participant answered is its status, 200, 409 or 425, or at most a field of DTM's, {"dtm_result": "FAILURE"}, as
# older versions had it.
# Instead: FAILURE or ONGOING anywhere in the text decides before the status does. 200 with an item called "ENGINE FAILURE LAMP"
# is a refusal, and the saga is undone; 409 with the reason "AUDIT_ONGOING" is none, and the action is called again and again.
# Why it matters: the word comes with the data. One customer's order fails each time, for what it is called, and no status, log
# or trace of the participant shows anything but success.
set -euo pipefail
command -v go >/dev/null || { echo 'go is not here: skipped'; exit 0; }
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" CGO_ENABLED=0
module=$(go mod download -json github.com/dtm-labs/dtm@v1.19.0)
cp -R --no-preserve=mode "$(node -p 'JSON.parse(process.argv[1]).Dir' "$module")" src
# It listens on every address, without a setting for it. Its drivers for service registries take minutes to build.
sed -i 's/Sprintf(":%d"/Sprintf("127.0.0.1:%d"/' src/dtmsvr/svr.go
sed -i '/dtmsvr\/microservices"/d' src/main.go
(cd src && go build -o ../dtm .)
cat >show.mjs <<'JS'
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const calls = [];
const item = (name) => [200, { item_id: 'itm_7', name }];
const answers = {
  '/lamp': item('ENGINE LAMP'),
  '/failure-lamp': item('ENGINE FAILURE LAMP'),
  '/closed': [409, { reason: 'ACCOUNT_CLOSED' }],
  '/ongoing': [409, { reason: 'AUDIT_ONGOING' }],
  '/undo': [200, {}],
};
const participants = createServer((request, response) => {
  const [path] = request.url.split('?');
  calls.push(path);
  const [status, body] = answers[path];
  request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)));
});
const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
const freePort = async () => {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return String(port);
};
const url = `http://127.0.0.1:${await listening(participants)}`;
const [HTTP_PORT, GRPC_PORT] = [await freePort(), await freePort()];
const dtm = `http://127.0.0.1:${HTTP_PORT}/api/dtmsvr`;
const server = spawn('./dtm', [], { env: { HTTP_PORT, GRPC_PORT }, stdio: 'ignore' });
process.on('exit', () => server.kill());
while (!(await fetch(`${dtm}/version`).catch(() => null))?.ok) await wait(50);

/** One step, whose participant answers so; what became of the saga, and what was called by then. */
async function sagaOf(path) {
  calls.length = 0;
  const gid = path.slice(1);
  const steps = [{ action: `${url}${path}`, compensate: `${url}/undo` }];
  const saga = { gid, trans_type: 'saga', wait_result: true, retry_interval: 1, steps, payloads: ['{}'] };
  await (await fetch(`${dtm}/submit`, { method: 'POST', body: JSON.stringify(saga) })).text();
  const { transaction } = await (await fetch(`${dtm}/query?gid=${gid}`)).json();
  const seen = { status: transaction.status, calls: [...calls] };
  console.log(...answers[path], '->', seen);
  return seen;
}

assert.deepEqual(await sagaOf('/lamp'), { status: 'succeed', calls: ['/lamp'] });
assert.deepEqual(await sagaOf('/failure-lamp'), { status: 'failed', calls: ['/failure-lamp', '/undo'] });
assert.deepEqual(await sagaOf('/closed'), { status: 'failed', calls: ['/closed', '/undo'] });
assert.deepEqual(await sagaOf('/ongoing'), { status: 'submitted', calls: ['/ongoing'] });
for (let tries = 0; tries < 60 && calls.length < 2; tries += 1) await wait(500);
assert.deepEqual([...calls], ['/ongoing', '/ongoing']);
console.log('seen: a word in the data decides, and not the status');
process.exit();
JS
node show.mjs
