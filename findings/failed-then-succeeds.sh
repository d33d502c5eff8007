#!/usr/bin/env bash
# DTM 1.19.0 (github.com/dtm-labs/dtm, Go), with its default store.
#
# Guess: a saga submitted with wait_result is answered when its result is there. Where a step answered 500 and is to be tried
# again, the submission waits for that, or says what DTM has a word for: 425, ONGOING.
# Instead: it is answered 409 with FAILURE at once, as a saga is whose step was refused and that was undone. The saga is
# undone in nothing: seconds later the step is tried again, and it succeeds.
# Why it matters: 409 FAILURE is what one tells a customer as "not ordered" and orders anew. One 500 of one step makes that a
# second charge. Only the text of the message tells the two apart; by gid one can ask, and has to, after each FAILURE.
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
const answers = { '/reserve': [200], '/pay': [500, 200], '/decline': [409], '/release': [200], '/refund': [200] };
const participants = createServer((request, response) => {
  const [path] = request.url.split('?');
  calls.push(path);
  const next = answers[path].length > 1 ? answers[path].shift() : answers[path][0];
  request.resume().on('end', () => response.writeHead(next).end('{}'));
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

async function submit(gid, pay) {
  calls.length = 0;
  const steps = [
    { action: `${url}/reserve`, compensate: `${url}/release` },
    { action: `${url}${pay}`, compensate: `${url}/refund` },
  ];
  const saga = { gid, trans_type: 'saga', wait_result: true, retry_interval: 1, steps, payloads: ['{}', '{}'] };
  const answer = await fetch(`${dtm}/submit`, { method: 'POST', body: JSON.stringify(saga) });
  return { status: answer.status, ...(await answer.json()) };
}
const statusOf = async (gid) => (await (await fetch(`${dtm}/query?gid=${gid}`)).json()).transaction.status;

const refused = { answer: await submit('refused', '/decline'), saga: await statusOf('refused'), calls: [...calls] };
console.log('payment answers 409:', refused);
assert.deepEqual(refused.calls, ['/reserve', '/decline', '/refund', '/release']);
assert.equal(refused.saga, 'failed');
assert.equal(refused.answer.dtm_result, 'FAILURE');

const answer = await submit('retried', '/pay');
const then = { answer, saga: await statusOf('retried'), calls: [...calls] };
console.log('payment answers 500 once:', then);
assert.deepEqual([answer.status, answer.dtm_result], [refused.answer.status, refused.answer.dtm_result]);
assert.deepEqual(then.calls, ['/reserve', '/pay']);
for (let tries = 0; tries < 60 && (await statusOf('retried')) === 'submitted'; tries += 1) await wait(500);
const later = { saga: await statusOf('retried'), calls: [...calls] };
console.log('later:', later);
assert.deepEqual(later, { saga: 'succeed', calls: ['/reserve', '/pay', '/pay'] });
console.log('seen: answered as a failure, and went on to succeed');
process.exit();
JS
node show.mjs
