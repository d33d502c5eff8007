/** A coordinator process with a saga that somebody wrote into a folder of his own, and with participants of his own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = process.cwd();
const ours = (module: string) => JSON.stringify(pathToFileURL(join(root, module)).href);
/** In TypeScript, as most would write it. */
const STAY = `
import { z } from ${JSON.stringify(import.meta.resolve('zod'))};
import { defineSaga } from ${ours('machines/define.ts')};

export const stay = defineSaga({
  id: 'stay', version: '1', input: z.strictObject({ guest: z.string() }), label: 'booking', deadline: '90 days',
})
  .step('room', {
    at: 'front-desk',
    action: {
      path: '/rooms', request: ({ guest }) => ({ guest }), answer: z.object({ booking: z.string() }),
      gains: ({ booking }) => ({ booking }),
    },
    undo: { path: '/rooms/free' },
  })
  .step('meal', {
    at: 'kitchen',
    action: { path: '/meals', request: ({ booking }) => ({ booking }), answer: z.object({}) },
    undo: { unneeded: 'nobody minds an empty table' },
  });
`;
const BAD = STAY.replace("'front-desk'", "'Front Desk'");

/** In lines that a compiler moves. */
const TYPED = 'interface Guest {\n  readonly name: string;\n}\n';

const folder = mkdtempSync(join(tmpdir(), 'any-saga-'));
const servers: Server[] = [];
const children: ChildProcess[] = [];
let environment: Record<string, string>;

async function participant(): Promise<string> {
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-type': 'application/json' }).end('{"booking":"b-1"}');
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function start(entry: string, env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), join(root, entry)], {
    // From the folder of the module: paths are read from there. No redis-server is found unless said, so the store is memory.
    cwd: folder,
    env: { PATH: '/nowhere', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function untilReady(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
  for await (const line of lines) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string };
    if (msg === 'ready') return url;
  }
  throw new Error('it ended before it was ready');
}

/** What it says when it ends by itself. */
async function ending(child: ChildProcess): Promise<{ code: number; said: string }> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

const json = async (url: string) => (await fetch(url)).json() as Promise<Record<string, unknown>>;

beforeAll(async () => {
  writeFileSync(join(folder, 'stay.ts'), STAY);
  writeFileSync(join(folder, 'bad.ts'), BAD);
  writeFileSync(join(folder, 'unclosed.ts'), `${TYPED}export const stay = { id: 'stay',, };`);
  writeFileSync(join(folder, 'throwing.ts'), `${TYPED}export const stay = (null as unknown as Guest).name;`);
  environment = {
    SAGAS: './stay.ts',
    COORDINATOR_PORT: '0',
    FRONT_DESK_SERVICE_URL: await participant(),
    KITCHEN_SERVICE_URL: await participant(),
  };
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

it('is registered, with its participants and no others', async () => {
  const url = await untilReady(start('server/main.ts', environment));
  const [{ machines }, health, orders] = await Promise.all([
    json(`${url}/api/coordinator/machines`),
    json(`${url}/api/coordinator/health`),
    fetch(`${url}/api/coordinator/orders`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    }),
  ]);
  expect(machines).toMatchObject([{ id: 'stay' }]);
  expect(health).toMatchObject({
    coordinator_status: 'healthy',
    services_health: { 'front-desk': true, kitchen: true },
    service_urls: { 'front-desk': environment.FRONT_DESK_SERVICE_URL },
    breakers: { 'front-desk': 'closed', kitchen: 'closed' },
  });
  expect(Object.keys(health.services_health as object)).toEqual(['front-desk', 'kitchen']);
  expect(await json(`${url}/api/coordinator/health/kitchen`)).toMatchObject({ healthy: true });
  // There is no order saga, so there are no orders.
  expect(orders.status).toBe(404);
});

it('stands beside the order saga where both are named', async () => {
  const url = await untilReady(start('server/main.ts', { ...environment, SAGAS: 'order,./stay.ts' }));
  const { machines } = await json(`${url}/api/coordinator/machines`);
  expect((machines as { id: string }[]).map(({ id }) => id).sort()).toEqual(['order', 'stay']);
  const { service_urls: urls } = await json(`${url}/api/coordinator/health`);
  expect(urls).toMatchObject({ payment: 'http://localhost:8002', kitchen: environment.KITCHEN_SERVICE_URL });
});

it('runs in each of several processes', async () => {
  const child = start('server/main.ts', {
    ...environment,
    // Processes share their store: a redis-server is started for them.
    PATH: process.env.PATH ?? '',
    DATA_DIR: join(folder, 'data'),
    COORDINATOR_PROCESSES: '2',
  });
  const url = await untilReady(child);
  // Each connection is the next process's.
  const answers = await Promise.all(
    Array.from({ length: 4 }, async (_, n) => {
      const answer = await fetch(`${url}/api/coordinator/sagas`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ machine: 'stay', input: { guest: `g-${n}` } }),
      });
      return [answer.status, ((await answer.json()) as { status: string }).status];
    }),
  );
  expect(answers).toEqual(Array(4).fill([201, 'COMPLETED']));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const starters = metrics.match(/^saga_started_total\{.*\} [1-9]/gm) ?? [];
  expect(starters.map((line) => /coordinator="[^"]*\.([12])"/.exec(line)?.[1]).sort()).toEqual(['1', '2']);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it.each([
  ['coordinator', 'server/main.ts'],
  ['npm start', 'server/start/main.ts'],
])(
  'stops the start of %s with one error where a module is bad, or an address is missing',
  async (_, entry) => {
    const { KITCHEN_SERVICE_URL: _kitchen, ...homeless } = environment;
    const [bad, missing] = await Promise.all([
      ending(start(entry, { ...environment, SAGAS: './bad.ts' })),
      ending(start(entry, { ...homeless, COORDINATOR_PORT: '9' })),
    ]);
    expect(bad.code).toBe(1);
    expect(bad.said).toMatch(
      /SAGAS: \.\/bad\.ts: .* a participant cannot be called "Front Desk".*\n {2}at \.\/bad\.ts:\d+:\d+\n$/,
    );
    expect(bad.said.trim().split('\n')).toHaveLength(2);
    expect(missing.code).toBe(1);
    expect(missing.said).toContain(
      'KITCHEN_SERVICE_URL: is not set, and saga stay calls kitchen in its step meal',
    );
  },
);

it('says of a module in TypeScript what is wrong with it, and where, in lines as they were written', async () => {
  const [unclosed, throwing] = await Promise.all([
    ending(start('server/main.ts', { ...environment, SAGAS: './unclosed.ts' })),
    ending(start('server/start/main.ts', { ...environment, SAGAS: './stay.ts,./throwing.ts' })),
  ]);
  expect(unclosed).toEqual({
    code: 1,
    said:
      'SAGAS: ./unclosed.ts: it cannot be loaded: SyntaxError: Expected identifier but found ","\n' +
      '  at ./unclosed.ts:4:33\n',
  });
  expect(throwing.code).toBe(1);
  expect(throwing.said).toMatch(
    /^cannot start: SAGAS: \.\/throwing\.ts: it cannot be loaded: TypeError: Cannot read .*\n {2}at \.\/throwing\.ts:4:\d+\n$/,
  );
});
