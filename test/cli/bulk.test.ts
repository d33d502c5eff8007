/** Acts on many sagas from the command line, against real coordinators. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as all } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { type Given, saga } from './command.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const WHY = ['--reason', 'stock is back'];

let world: World;
let url: string;
beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
});
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});
afterAll(() => world.close());

const at = (args: readonly string[], given: Given = {}) => saga(['bulk', ...args, '--url', url], given);
const refuse = () =>
  world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);

/** Orders whose stock is held, for the service refuses to release it. */
async function parked(many: number): Promise<{ ids: string[]; labels: string[] }> {
  refuse();
  const [ids, labels]: [string[], string[]] = [[], []];
  for (let n = 0; n < many; n += 1) {
    const { body } = await submit(url, DECLINED);
    expect(body.status).toBe('ABORTED');
    ids.push(body.saga_id);
    labels.push(body.order_id);
  }
  world.services.inventory.faults.clear();
  return { ids, labels };
}

async function statusesOf(ids: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(ids.map((id) => send(`${url}/api/coordinator/sagas/${id}`)));
  return answers.map(({ body }) => body.status);
}

/** Each line by its columns. */
const cells = (text: string) => text.split('\n').map((line) => line.split(/ {2,}/));
const bulkIn = (err: string) => /^bulk ([\da-f]{16}) of /.exec(err)?.[1] ?? '';

describe('an act on many', () => {
  it('is shown before with its calls and sums, by cause, and changes nothing', async () => {
    const { ids } = await parked(2);
    const { code, out, err } = await at(['retry', ...ids, '--dry-run']);
    expect({ code, err }).toEqual({ code: 0, err: '2 would be asked: nothing was\n' });
    expect(cells(out)).toEqual([
      ['2 of order, undo inventory: 409 fault-injected: A fault rule answered this call.'],
      ['held', '2 stock, 4 items of stock'],
      ['calls', '2 × undo inventory, of inventory'],
      ['then', '2 ended'],
      ['still held', '-'],
      [''],
    ]);
    expect(await statusesOf(ids)).toEqual(['ABORTED', 'ABORTED']);
    const told = JSON.parse((await at(['retry', ...ids, '--dry-run', '--json'])).out);
    expect(told).toMatchObject({ sagas: 2, groups: [{ step: 'inventory', calls: [{ count: 2 }] }] });
  });

  it('is followed to its end, and has an address and a place in the list from then on', async () => {
    const { ids } = await parked(3);
    const { code, out, err } = await at(['retry', ...ids.map((id) => id.slice(0, -1)), ...WHY]);
    const id = bulkIn(err);
    expect({ code, err }).toEqual({ code: 0, err: `bulk ${id} of 3 sagas: ${url}/bulks/${id}\n` });
    expect(cells(out)).toEqual([
      ['bulk', id],
      ['act', 'retry'],
      ['by', 'ada: stock is back'],
      ['begun', expect.any(String)],
      ['page', `${url}/bulks/${id}`],
      ['stage', 'all were asked'],
      [''],
      ['done', '3'],
      [''],
    ]);
    expect(await statusesOf(ids)).toEqual(['FAILED', 'FAILED', 'FAILED']);
    expect(await at(['show', id])).toEqual({ code: 0, out, err: '' });
    const [heads, newest] = cells((await at(['list'])).out);
    expect(heads).toEqual(['BULK', 'ACT', 'SAGAS', 'BY', 'BEGUN']);
    expect(newest?.slice(0, 4)).toEqual([id, 'retry', '3', 'ada']);
    expect(JSON.parse((await at(['list', '--json'])).out).bulks[0]).toMatchObject({ bulk_id: id, sagas: 3 });
  });

  it('ends with 1 where the first fails again, asks no others, and goes on at any coordinator', async () => {
    const { ids } = await parked(3);
    refuse();
    const { code, out, err } = await at(['retry', ...ids, ...WHY]);
    const id = bulkIn(err);
    expect(code).toBe(1);
    expect(cells(out).slice(5)).toEqual([
      ['stage', 'stopped: some have failed again'],
      [''],
      ['parked again', '1'],
      ['not asked', '2'],
      ['done', '0'],
      [''],
      ['SAGA', 'WHAT CAME OF IT', 'STATUS'],
      [ids[0], 'parked again', 'ABORTED'],
      [''],
    ]);
    expect(err).toMatch(new RegExp(`^2 were not asked: \`saga bulk continue ${id}\` asks them$`, 'm'));
    world.services.inventory.faults.clear();
    const other = (await world.coordinator({ COORDINATOR_ID: 'other' })).url;
    const rest = await saga(['bulk', 'continue', id, '--json', '--url', other]);
    expect(rest.code).toBe(1);
    expect(JSON.parse(rest.out)).toMatchObject({
      counts: { parked: 1, done: 2, unasked: 0 },
    });
    expect(await statusesOf(ids)).toEqual(['ABORTED', 'FAILED', 'FAILED']);
  });

  it('ends with 4 where with some nothing was done, and names them', async () => {
    const { body } = await submit(url);
    const { ids } = await parked(1);
    const { code, out } = await at(['retry', body.saga_id, ...ids, ...WHY]);
    expect(code).toBe(4);
    expect(cells(out).slice(7)).toEqual([
      ['nothing done', '1'],
      ['done', '1'],
      [''],
      ['SAGA', 'WHAT CAME OF IT', 'STATUS'],
      [body.saga_id, 'nothing done: no-such-event', 'COMPLETED'],
      [''],
    ]);
  });

  it('skips with proof only what its participant says is undone', async () => {
    const { ids } = await parked(1);
    const { code, out } = await at(['skip', ...ids, '--step', 'inventory', '--with-proof', ...WHY]);
    expect(code).toBe(4);
    expect(cells(out)[1]).toEqual(['act', 'skip inventory with proof']);
    expect(cells(out).at(-2)).toEqual([ids[0], 'nothing done: unproven', 'ABORTED']);
    expect(await statusesOf(ids)).toEqual(['ABORTED']);
  });

  it('finds its sagas by filters, those that are parked unless it cancels', async () => {
    const { ids, labels } = await parked(2);
    const [one = '', two = ''] = labels;
    expect((await at(['resolve', '--as', 'completed', '--label', one, ...WHY])).code).toBe(0);
    expect((await at(['skip', '--step', 'inventory', '--label', two, ...WHY])).code).toBe(0);
    expect(await statusesOf(ids)).toEqual(['COMPLETED', 'FAILED']);
    const { labels: more } = await parked(1);
    const dry = async (kind: string) => (await at([kind, '--label', String(more[0]), '--dry-run'])).err;
    expect(await dry('retry')).toBe('1 would be asked: nothing was\n');
    expect(await dry('cancel')).toBe('0 would be asked: nothing was\n');
  });

  it('ends with 5 where the wait is over first, and asks no more once it is stopped', async () => {
    const { ids } = await parked(2);
    world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'hang' }]);
    const { code, err } = await at(['retry', ...ids, ...WHY, '--timeout', '0']);
    expect(code).toBe(5);
    const { code: stopped, out } = await at(['stop', bulkIn(err)]);
    expect(stopped).toBe(0);
    expect(cells(out)[5]).toEqual(['stage', 'stopped by hand']);
  });

  it('that nobody keeps is refused', async () => {
    const { code, err } = await at(['show', '0123456789abcdef']);
    expect(code).toBe(4);
    expect(err).toContain('0123456789abcdef is kept');
  });
});

it('says money in its currency, and what cannot be asked', async () => {
  const held = { payment: 2, 'payment EUR': 4250, 'payment JPY': 900 };
  const call = { step: 'payment', kind: 'action', participant: 'bank', count: 1 };
  const group = { machine: 'order', step: null, kind: null, error: null, sagas: 9, held, left: {} };
  const more = { foreseen: 3, impossible: 2, calls: [call], ends: { ended: 1, parked: 2 } };
  const preview = { sagas: 9, has_more: true, groups: [{ ...group, ...more }] };
  const server = createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(preview)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const args = ['bulk', 'cancel', '--state', 'x', '--dry-run', '--url', `http://127.0.0.1:${port}`];
  const { out, err } = await saga(args);
  server.close();
  expect(cells(out)).toEqual([
    ['9 of order, in flight'],
    ['held', '2 payment, 42.50 EUR of payment, 900 JPY of payment'],
    ['looked at', '3, 2 cannot be asked for it as they stand'],
    ['calls', '1 × payment, of bank'],
    ['then', '1 ended, 2 parked'],
    ['still held', '-'],
    [''],
  ]);
  expect(err).toBe('9 would be asked, the newest of more that there are: nothing was\n');
});

it('goes on looking where a coordinator that ended is started anew', async () => {
  const asked: string[] = [];
  const counts = { unasked: 0, pending: 0, again: 0, parked: 0, done: 0, refused: 0 };
  const bulk = { bulk_id: 'b-1', act: 'skip', step: 'payment', by: 'ada', reason: 'r', sagas: [{}] };
  const states = [
    { stage: 'asking', running: true, counts: { ...counts, unasked: 1 } },
    null,
    { stage: 'asked', running: false, counts: { ...counts, again: 1 } },
    { stage: 'asked', running: false, counts: { ...counts, done: 1 } },
  ];
  const server = createServer(async (request, response) => {
    const body = await all(request);
    asked.push(`${request.method} ${request.url}${body && ` ${body}`}`);
    const state = states[asked.length - 1];
    if (state === null) return response.destroy();
    return response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...bulk, ...state }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const args = ['bulk', 'skip', '--step', 'payment', '--cause', 'k', '--stuck-for', '2m', ...WHY];
  const { code } = await saga([...args, '--url', `http://127.0.0.1:${port}`]);
  server.close();
  expect(code).toBe(0);
  const [begun = '', ...looks] = asked;
  expect(JSON.parse(begun.slice('POST /api/coordinator/bulks '.length))).toEqual({
    ...{ act: 'skip', step: 'payment', reason: 'stock is back', by: 'ada' },
    filter: { status: 'ABORTED', cause: 'k', stuck_for: 120 },
  });
  expect(looks).toEqual(Array(3).fill('GET /api/coordinator/bulks/b-1'));
});

it.each([
  [['retry', ...WHY], 'bulk retry needs IDs, or which sagas: --cause, --failed-step, --status ABORTED'],
  [['retry', '--error', '409'], 'bulk retry needs --reason'],
  [['retry', 'x', '--error', '409', ...WHY], '--error finds sagas, and IDs name them'],
  [['retry', 'x', '--step', 'payment', ...WHY], 'bulk retry knows no --step'],
  [['skip', 'x', ...WHY], 'bulk skip needs --step'],
  [['resolve', 'x', ...WHY], 'bulk resolve needs --as'],
  [['show'], 'bulk show needs ID'],
  [['list', 'x'], 'bulk list takes no further word, as x'],
  [['list', '--cause', 'x'], 'bulk list knows no --cause'],
  [
    ['retry', 'x', ...WHY, '--timeout', 'soon'],
    '--timeout is a span such as 90s, 10m, 2h or 3d, of 9999999 seconds at most',
  ],
])('%j ends with 2', async (args, why) => {
  expect(await at(args)).toEqual({ code: 2, out: '', err: `saga: ${why} (see saga help bulk)\n` });
});
