/** Follows docs/write-a-saga.md step by step, in a fresh folder: what it says to write is written, and what it says to type is run. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Run } from '../start/processes.ts';

const page = readFileSync('docs/write-a-saga.md', 'utf8');
const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(
  ([, kind = '', name = '', text = '']) => ({
    kind,
    name,
    text,
  }),
);
const root = process.cwd();
let folder: string;
let participants: Server;
let coordinator: Run;
let url: string;

// The participants of the page tell each call.
beforeEach(() => void vi.spyOn(console, 'log').mockReturnValue());

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'write-a-saga-'));
  // The checkout in which the page has its reader sit.
  for (const name of ['json', 'machines', 'node_modules', 'package.json', 'server', 'stores']) {
    symlinkSync(join(root, name), join(folder, name));
  }
  for (const { name, text } of blocks.filter((block) => block.name.includes('/'))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  vi.stubEnv('PORT', '0');
  ({ server: participants } = await import(pathToFileURL(join(folder, 'my-sagas/participants.mjs')).href));
  if (!participants.listening) await once(participants, 'listening');
  const { port } = participants.address() as AddressInfo;

  const [typed = ''] = blocks.filter(({ name }) => name === 'start').map(({ text }) => text);
  const set = [...typed.matchAll(/([A-Z_]+)=(\S+)/g)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  expect(typed).toMatch(/ npm start$/m);
  const env = Object.fromEntries(set.map(([name, value]) => [name, value.replace('7000', String(port))]));
  // No redis-server is found there, so the store is memory: all else is as under npm start.
  coordinator = new Run(join(folder, 'server/main.ts'), [], {
    cwd: folder,
    env: { PATH: '/nowhere', COORDINATOR_PORT: '0', ...env },
  });
  [, url = ''] = await coordinator.says(/"url":"([^"]+)".*"msg":"ready"/);
}, 60_000);
afterAll(async () => {
  await coordinator?.finish();
  participants?.close();
  rmSync(folder, { recursive: true });
});

it('has the whole booking in one file of at most eighty lines', () => {
  const { text = '' } = blocks.find(({ name }) => name.endsWith('booking.ts')) ?? {};
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(80);
});

it('runs as the page says, command by command', async () => {
  const said = blocks.filter(({ kind, name }) => name === 'curl' || kind === 'json');
  let saga = '';
  for (let n = 0; n < said.length; n += 2) {
    const [typed, shown] = [said[n]?.text ?? '', JSON.parse(said[n + 1]?.text ?? '')];
    await vi.waitFor(async () => {
      const command = typed.replace('http://localhost:9000', url);
      const { stdout } = await promisify(execFile)('bash', ['-c', command], {
        env: { ...process.env, SAGA: saga },
      });
      const answer = JSON.parse(stdout);
      expect(answer).toMatchObject(shown);
      saga = answer.saga_id;
    }, 10_000);
  }
  expect(said.length).toBeGreaterThan(10);
});
