/** The example of an application with a coordinator in it: one process, no Redis, as its reader would try it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

/** Who listened before the example did. */
const before = process.listeners('SIGTERM');
let url: string;
let example: typeof import('../../examples/embed/app.ts');

beforeAll(async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  vi.stubEnv('PORT', String(port));
  vi.stubEnv('REDIS_URL', '');
  url = `http://127.0.0.1:${port}`;
  example = await import('../../examples/embed/app.ts');
  if (!example.server.listening) await once(example.server, 'listening');
});
afterAll(async () => {
  await example.coordinator.close();
  example.server.close();
  for (const listener of process.listeners('SIGTERM'))
    if (!before.includes(listener)) process.removeListener('SIGTERM', listener);
});

const travel = async (body: object) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/journeys`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as { errors?: unknown } };
};

it('books, undoes what cannot be paid, and refuses what is no journey', async () => {
  expect(await travel({ to: 'PAR', card: 'tok_1' })).toMatchObject({ status: 201, body: { reason: null } });
  expect(await travel({ to: 'PAR', card: 'none' })).toMatchObject({ status: 409, body: { reason: '402' } });
  const refused = await travel({ to: 'PAR' });
  expect(refused.status).toBe(422);
  expect(refused.body.errors).toEqual([{ pointer: '/input/card', detail: expect.any(String) }]);
});

it('shows them under its path, with every link below it', async () => {
  const listed = await fetch(`${url}/saga/api/coordinator/sagas`);
  expect(await listed.json()).toMatchObject({ sagas: [{ status: 'FAILED' }, { status: 'COMPLETED' }] });
  const page = await (await fetch(`${url}/saga/`)).text();
  const links = [...page.matchAll(/ (?:href|src|action)="([^"#][^"]*)"/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !link.startsWith('/saga/'))).toEqual([]);
  for (const link of links.filter((one) => one.startsWith('/saga/assets/') && !one.endsWith('.js')))
    expect((await fetch(url + link)).status, link).toBe(200);
});
