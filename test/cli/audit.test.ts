/** The audit of a real coordinator from the command line: shown, saved, and verified with and without it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { type Given, saga } from './command.ts';

const KEY = 'k1:a-secret-of-the-audit';
const TOKEN = { authorization: 'Bearer sesame-sesame-sesame' };
const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };

let world: World;
let url: string;
let folder: string;
let ids: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'audit-'));
  world = await openWorld();
  url = (await world.coordinator({ AUDIT_KEY: KEY, API_TOKEN: 'sesame-sesame-sesame' })).url;
  world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  ids = [];
  for (const _ of [1, 2]) ids.push((await submit(url, DECLINED)).body.saga_id);
  const [one = '', two = ''] = ids;
  const by = async (name: string, args: string[]) => {
    const { body } = await send(`${url}/api/coordinator/sagas/${args[1]}`, { headers: TOKEN });
    const { code, err } = await at([...args, '--by', name, '--seq', String(body.execution_log.at(-1).seq)]);
    expect([code, err]).toEqual([0, '']);
  };
  await by('ada', ['skip', one, 'inventory', '--reason', '=1+1, "sold"']);
  await by('eve', ['resolve', two, 'COMPLETED', '--reason', 'by hand']);
  for (const id of ids) await ended(id);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await world.close();
});

const at = (args: readonly string[], { env = {}, ...given }: Given = {}) =>
  saga([...args, '--url', url], { ...given, env: { API_TOKEN: 'sesame-sesame-sesame', ...env } });
const keyed = { env: { AUDIT_KEY: KEY } };

async function ended(id: string): Promise<void> {
  for (;;) {
    const { body } = await send(`${url}/api/coordinator/sagas/${id}`, { headers: TOKEN });
    if (body.status === 'COMPLETED' || body.status === 'FAILED') return;
  }
}

function fileOf(text: string): string {
  const file = join(folder, `${Math.random()}.ndjson`);
  writeFileSync(file, text);
  return file;
}

it('shows who did what, newest first, and filters', async () => {
  const { code, out } = await at(['audit', 'list', '--wide']);
  expect(code).toBe(0);
  const [heads, ...rows] = out.trimEnd().split('\n');
  expect(heads).toMatch(/^AT +ACTION +BY +ACTOR +SAGA +FROM +TO +REASON$/);
  expect(rows).toHaveLength(2);
  expect(rows.join('\n')).toMatch(/skip inventory +ada +api-token:\S+ .*=1\+1, "sold"/);
  const mine = await at(['audit', 'list', '--by', 'eve', '--since', '1h', '--json']);
  expect(JSON.parse(mine.out).entries).toMatchObject([
    { action: 'resolve', saga_id: ids[1], as: 'COMPLETED' },
  ]);
  const first = await at(['audit', 'list', '--limit', '1']);
  const [, cursor = ''] = /--cursor (\S+)/.exec(first.err) ?? [];
  const second = await at(['audit', 'list', '--limit', '1', '--cursor', cursor, '--json']);
  expect(JSON.parse(second.out).entries).toHaveLength(1);
});

it('verifies what is there now, and a file without any coordinator', async () => {
  const live = await at(['audit', 'verify'], keyed);
  expect([live.code, live.err]).toEqual([
    0,
    expect.stringMatching(/^2 entries in [12] chains, 2 of them sealed: nothing/),
  ]);
  const { out } = await at(['audit', 'export']);
  const file = fileOf(out);
  const offline = { env: { ...keyed.env, SAGA_URL: 'http://127.0.0.1:1' } };
  expect((await saga(['audit', 'verify', file], offline)).code).toBe(0);
  const changed = fileOf(out.replace('by hand', 'by foot'));
  const found = await saga(['audit', 'verify', changed], offline);
  expect(found.code).toBe(1);
  expect(found.out).toMatch(/^BROKEN .*\n(.*\n)?fault .* entry \d was changed/m);
  expect(
    (await saga(['audit', 'verify', file], { env: { AUDIT_KEY: 'k1:another-secret-of-it' } })).out,
  ).toMatch('was not made by who has the key k1');
});

it('sees with an end that was noted what is missing there', async () => {
  const heads = fileOf((await at(['audit', 'verify', '--json'])).out);
  const { out } = await at(['audit', 'export']);
  for (const since of [heads, fileOf(out)])
    expect((await at(['audit', 'verify', '--since-head', since])).code).toBe(0);
  const cut = fileOf(`${out.trimEnd().split('\n').slice(0, -1).join('\n')}\n`);
  expect((await at(['audit', 'verify', cut])).code).toBe(0);
  const { code, out: found } = await at(['audit', 'verify', cut, '--since-head', heads, '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(found).faults).toMatchObject([{ what: expect.stringMatching('was seen to go up to') }]);
});

it('saves a table in which nothing is a formula', async () => {
  const { code, out } = await at(['audit', 'export', '--csv', '--by', 'ada']);
  expect(code).toBe(0);
  const [heads, row, ...others] = out.trimEnd().split('\r\n');
  expect(heads).toMatch(/^at,action,outcome,actor,by,reason,saga_id,/);
  expect([row, others]).toEqual([expect.stringMatching(`,ada,"'=1\\+1, ""sold""",${ids[0]},order@`), []]);
});

it.each([
  [['list', '--csv'], 2, 'audit list knows no --csv'],
  [['export', '--by', 'ada'], 2, 'a part of the audit cannot be verified'],
  [['export', 'x'], 2, 'audit export takes no further word, as x'],
  [['verify', '/'], 2, '/ cannot be read: EISDIR'],
  [['verify', '/none'], 2, '/none cannot be read: ENOENT'],
  [['verify', '--since-head', '/none'], 2, '/none cannot be read: ENOENT'],
  [['list', '--limit', '0'], 2, '--limit is a whole number'],
  [['list', '--cursor', 'none'], 4, 'The cursor is not one that the audit gave'],
])('says what is wrong with %j', async (args, code, words) => {
  const ran = await at(['audit', ...args]);
  expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(words)]);
});

it('takes no part of an export for the whole', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/x-ndjson' });
    response.write('{"chain":"00"}\n', () => response.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ran = await saga(['audit', 'verify', '--url', `http://127.0.0.1:${port}`]);
  server.close();
  expect([ran.code, ran.err]).toEqual([3, expect.stringContaining('the answer was cut off')]);
});

it('says of a file that it is no export, and which line', async () => {
  const ran = await at(['audit', 'verify', fileOf('{}\nnone\n')]);
  expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('line 2 is no JSON')]);
});
