/**
 * `npm run starter`: what `saga init` writes, from the packed archive and in an empty folder, by every command that its README has: its
 * tests pass, one fails when it is changed first, and pass again with the step; it starts, moves money, and its bank is verified.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changed } from '../examples/starter.ts';
import { pack } from './packed.ts';
import { ready, run } from './trying.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function freePort(): Promise<string> {
  const held = createServer().listen(0, '127.0.0.1');
  await once(held, 'listening');
  const { port } = held.address() as AddressInfo;
  await new Promise((resolve) => held.close(resolve));
  return String(port);
}

const packed = await pack();
const folder = mkdtempSync(join(tmpdir(), 'starter-'));
const home = join(folder, 'my-saga');
try {
  await run('npm', ['install', '--no-audit', '--no-fund', packed.tarball], folder);
  await run('npx', ['saga', 'init', 'my-saga'], folder);
  await run('npm', ['install', '--no-audit', '--no-fund'], home);
  await run('npm', ['test'], home);
  say('npm install && npm test: passes');

  const readme = readFileSync(join(home, 'README.md'), 'utf8');
  const change = (file: keyof typeof changed) =>
    writeFileSync(join(home, file), changed[file](readme, readFileSync(join(home, file), 'utf8')));
  change('transfer.test.ts');
  const told = await run('npm', ['test'], home).then(
    () => '',
    ({ message }: Error) => message,
  );
  if (!/^# fail 1$/m.test(told) || !told.includes("'notice'"))
    throw new Error(`no test fails first:\n${told}`);
  change('transfer.ts');
  await run('npm', ['test'], home);
  say('own test: red, then green');

  const ports = { COORDINATOR_PORT: await freePort(), BANK_PORT: await freePort() };
  // As it was: the bank has no route for the step more.
  await run('npx', ['saga', 'init', 'as-it-was'], folder);
  await run('cp', ['-r', join(home, 'node_modules'), join(folder, 'as-it-was')], folder);
  const asItWas = join(folder, 'as-it-was');
  const started = spawn('npm', ['start'], {
    cwd: asItWas,
    env: { ...process.env, ...ports, REDIS_URL: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  try {
    await ready(started);
    const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) =>
      text.replaceAll(':9000', `:${ports.COORDINATOR_PORT}`).replaceAll(':7001', `:${ports.BANK_PORT}`),
    );
    const typed = async (part: string) => {
      const block = blocks.find((text) => text.includes(part));
      if (block === undefined) throw new Error(`the README does not have ${part}`);
      const url = `http://127.0.0.1:${ports.COORDINATOR_PORT}`;
      return (await run('bash', ['-c', block], asItWas, { SAGA_URL: url })).stdout;
    };
    const expected = (said: string, ...words: readonly string[]) => {
      for (const word of words) if (!said.includes(word)) throw new Error(`${word} is not in:\n${said}`);
    };
    expected(await typed('"to": "bob"'), '"COMPLETED: All steps successful"');
    expected(await typed('"to": "eve"'), '"FAILED: Compensated successfully"', '{"ada":9500,"bob":500}');
    const url = ['--url', `http://127.0.0.1:${ports.COORDINATOR_PORT}`];
    const { stdout: listed } = await run('npx', ['saga', 'list', ...url], asItWas);
    expected(listed, 't-1', 't-2', 'COMPLETED', 'FAILED');
    const [, id = ''] = /^(\S+) .* t-2 /m.exec(listed) ?? [];
    const { stdout: shown } = await run('npx', ['saga', 'show', id.slice(0, 24), ...url], asItWas);
    expected(shown, id, 'no such account');
    const verified = await typed('saga verify');
    if (/^(BROKEN|not asked)/m.test(verified)) throw new Error(verified);
    say(
      `npm start: one saga done, one undone; ${verified.trim().split('\n').length} promises of the bank hold`,
    );
  } finally {
    if (started.exitCode === null && started.pid !== undefined) {
      process.kill(-started.pid, 'SIGTERM');
      await once(started, 'exit');
    }
  }
} finally {
  packed.remove();
  rmSync(folder, { recursive: true, force: true });
}
