/** The listing of sagas: its fixed fields, its order, its filters, and its pages. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, send, submit } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { expectProblem } from './problem.ts';

const SAGAS = '/api/coordinator/sagas';
const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const BLOCKED = { ...ORDER, customer_id: 'cust_blocked' };

interface Listed {
  readonly saga_id: string;
  readonly status: string;
  readonly order_id: string | null;
  readonly state: string;
  readonly created_at: string;
}

let world: HoldingWorld;
let url: string;
/** The sagas of this world, oldest first; one of each status, and one that is held. */
let completed: Listed;
let blocked: Listed;
let declined: Listed;
let parked: Listed;
let running: Listed;
let release: () => void;

const list = async (query = '') => (await send(`${url}${SAGAS}${query}`)).body;
const idsOf = (sagas: readonly Listed[]) => sagas.map(({ saga_id }) => saga_id);

beforeAll(async () => {
  world = await openHoldingWorld();
  url = (await world.coordinator()).url;
  const { inventory } = world.services;
  const ids: string[] = [];
  for (const order of [ORDER, BLOCKED, DECLINED]) ids.push((await submit(url, order)).body.saga_id);
  inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  ids.push((await submit(url, DECLINED)).body.saga_id);
  inventory.faults.clear();
  const gate = world.hold('shipping');
  release = () => gate.open();
  ids.push((await submit(url, ORDER, { prefer: 'respond-async' })).body.saga_id);
  await gate.arrived;
  const { sagas } = await list();
  const found = ids.map((id) => sagas.find((saga: Listed) => saga.saga_id === id)) as Listed[];
  [completed, blocked, declined, parked, running] = found as [Listed, Listed, Listed, Listed, Listed];
});
afterAll(async () => {
  release();
  await world.close();
});

describe('an entry', () => {
  it('has the fixed fields first, then what was added', () => {
    expect(Object.keys(completed)).toEqual([
      'saga_id',
      'status',
      'order_id',
      'steps_completed',
      'total_steps',
      'failed_step_index',
      'failed_step',
      'label',
      'state',
      'machine',
      'created_at',
      'updated_at',
      'unreadable',
    ]);
  });

  const none = { failed_step: null, failed_step_index: null };
  it.each([
    ['COMPLETED', () => completed, { steps_completed: 5, ...none, state: 'completed' }],
    [
      'FAILED at the first step',
      () => blocked,
      { steps_completed: 0, failed_step: 'order', failed_step_index: 0 },
    ],
    [
      'FAILED at payment',
      () => declined,
      { steps_completed: 2, failed_step: 'payment', failed_step_index: 2 },
    ],
    [
      'ABORTED',
      () => parked,
      { steps_completed: 2, failed_step: 'payment', failed_step_index: 2, state: 'parked' },
    ],
    ['STARTED', () => running, { steps_completed: 3, ...none, state: 'schedulingShipping.calling' }],
  ] as const)('%s', (named, saga, fields) => {
    const [status] = named.split(' ');
    expect(saga()).toMatchObject({
      status,
      total_steps: 5,
      machine: { id: 'order', version: '1' },
      ...fields,
    });
    expect(saga().order_id).toEqual(
      named.startsWith('FAILED at the first') ? null : expect.stringMatching(/^ord_/),
    );
    expect(saga().created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});

it('is newest first and counts all that the store holds', async () => {
  const page = await list('?limit=2');
  expect(page.active_sagas).toBe(5);
  expect(idsOf(page.sagas)).toEqual(idsOf([running, parked]));
  const whole = await list();
  expect(idsOf(whole.sagas)).toEqual(idsOf([running, parked, declined, blocked, completed]));
  expect(whole.cursor).toBeNull();
});

describe('a search', () => {
  it('finds by label, payment, customer and id, or by one of them alone', async () => {
    const one = (await send(`${url}/api/coordinator/sagas/${completed.saga_id}`)).body;
    const found = async (query: string) => idsOf((await list(`?${query}`)).sagas);
    for (const q of [one.order_id, one.payment_id, one.saga_id])
      expect(await found(`q=${q}`)).toEqual([one.saga_id]);
    expect(await found(`q=${one.payment_id}&by=payment`)).toEqual([one.saga_id]);
    expect(await found(`q=${one.payment_id}&by=customer`)).toEqual([]);
    expect(await found(`q=${one.context.customer_id}`)).toContain(one.saga_id);
    expect((await send(`${url}/api/coordinator/sagas?by=label`)).status).toBe(400);
  });

  it('is exported whole, as lines and as a table', async () => {
    const [lines, table] = await Promise.all(
      ['ndjson?status=FAILED', 'csv?status=FAILED'].map((name) =>
        fetch(`${url}/api/coordinator/sagas.${name}`),
      ),
    );
    const failed = (await list('?status=FAILED')).sagas;
    const texts = (await lines?.text())?.trim().split('\n') ?? [];
    expect(texts.map((line) => JSON.parse(line))).toEqual(failed);
    const rows = (await table?.text())?.trim().split('\r\n') ?? [];
    expect(rows[0]).toMatch(/^saga_id,label,status,/);
    expect(rows.slice(1).map((row) => row.split(',')[0])).toEqual(idsOf(failed));
  });
});

describe('filters', () => {
  it.each([
    ['status=COMPLETED', () => [completed]],
    ['status=FAILED', () => [declined, blocked]],
    ['status=ABORTED', () => [parked]],
    ['status=STARTED', () => [running]],
    ['state=completed', () => [completed]],
    // A state is found with the states inside it, and not by the beginning of its name.
    ['state=schedulingShipping', () => [running]],
    ['state=schedulingShipping.calling', () => [running]],
    ['state=schedulingShipping.waiting', () => []],
    ['state=scheduling', () => []],
    ['state=failed', () => [declined, blocked]],
    ['failed_step=payment', () => [parked, declined]],
    ['failed_step=order', () => [blocked]],
    ['failed_step=shipping', () => []],
    ['status=FAILED&failed_step=payment', () => [declined]],
    ['status=COMPLETED&failed_step=payment', () => []],
    ['stuck_for=0', () => [running, parked]],
    ['stuck_for=100000', () => []],
    ['since=2000-01-01T00:00:00Z', () => [running, parked, declined, blocked, completed]],
    ['since=2999-01-01T00:00:00Z', () => []],
    ['until=2000-01-01T00:00:00Z', () => []],
    ['order_id=ord_none', () => []],
    ['order_id=', () => []],
  ] as const)('%s', async (query, expected) => {
    expect(idsOf((await list(`?${query}`)).sagas)).toEqual(idsOf(expected()));
  });

  it('are handed on in the terms of the engine', async () => {
    const asked: unknown[] = [];
    const app = appOver({
      list: async (...args) => {
        asked.push(args);
        return { sagas: [], cursor: null, damage: [], looked: 0, backToMs: null, isIndexing: false };
      },
      statistics: async () => ({
        statuses: { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 },
        inFlight: 0,
        settledPerMinute: 0,
        counters: {},
        damage: [],
      }),
    });
    await app.request(SAGAS);
    const until = '2026-01-02T00:00:00%2B01:00';
    const query = `status=FAILED&state=a&saga_id=07-01&label=l&machine=m&failed_step=c&stuck_for=2&since=1970-01-01T00:00:01Z&until=${until}`;
    await app.request(`${SAGAS}?${query}&limit=7&cursor=d`);
    const filter = {
      status: 'FAILED',
      id: '07-01',
      state: 'a',
      label: 'l',
      machine: 'm',
      failed_step: 'c',
      stuckForMs: 2000,
      sinceMs: 1000,
      untilMs: Date.UTC(2026, 0, 1, 23),
    };
    expect(asked).toEqual([
      [{}, null, 50],
      [filter, 'd', 7],
    ]);
  });

  it('saga_id, by as much of its beginning as there is', async () => {
    const { saga_id: id } = declined;
    for (const beginning of [id, id.slice(0, -1), id.slice(0, 24)])
      expect(idsOf((await list(`?saga_id=${beginning}`)).sagas), beginning).toEqual([id]);
    const all: Listed[] = (await list()).sagas;
    for (const length of [1, 2, 3, 5, 9]) {
      const begun = all.filter(({ saga_id }) => saga_id.startsWith(id.slice(0, length)));
      expect(await list(`?saga_id=${id.slice(0, length)}`)).toMatchObject({ sagas: begun, cursor: null });
    }
    for (const none of ['07-0192a3b4-c5d6-9', 'x', `${id}0`, '07-0192a3b4c5d6'])
      expect(await list(`?saga_id=${none}`), none).toMatchObject({ sagas: [], cursor: null });
  });

  it('label, which of an order is its order id, and machine', async () => {
    expect(completed).toMatchObject({ label: completed.order_id, machine: { id: 'order' } });
    const { sagas } = await list(`?machine=order&label=${completed.order_id}`);
    expect(idsOf(sagas)).toEqual(idsOf([completed]));
    expect((await list(`?machine=trip&label=${completed.order_id}`)).sagas).toEqual([]);
  });

  it('order_id, which is the label of an order, and beside another label or machine a mistake', async () => {
    const { sagas } = await list(`?order_id=${completed.order_id}`);
    expect(idsOf(sagas)).toEqual(idsOf([completed]));
    const same = await list(`?order_id=${completed.order_id}&machine=order&label=${completed.order_id}`);
    expect(idsOf(same.sagas)).toEqual(idsOf([completed]));
    for (const other of ['machine=trip', 'label=other'])
      expectProblem(await send(`${url}${SAGAS}?order_id=o-1&${other}`), 'invalid-query', /order_id/);
  });

  it('since holds from its moment on, until ends before it, in any zone', async () => {
    const at = Date.parse(declined.created_at);
    const zoned = `${new Date(at + 3_600_000).toISOString().slice(0, -1)}%2B01:00`;
    const since = await list(`?since=${zoned}`);
    expect(idsOf(since.sagas)).toContain(declined.saga_id);
    const until = await list(`?until=${declined.created_at}`);
    expect(idsOf(until.sagas)).not.toContain(declined.saga_id);
    expect([...idsOf(since.sagas), ...idsOf(until.sagas)].sort()).toEqual(idsOf((await list()).sagas).sort());
  });
});

describe('pages', () => {
  /** From page to page by `Link`, as a client does that knows nothing of cursors. */
  async function follow(path: string): Promise<Listed[][]> {
    const pages: Listed[][] = [];
    let next: string | undefined = path;
    while (next !== undefined) {
      const { status, headers, body } = await send(`${url}${next}`);
      expect(status).toBe(200);
      pages.push(body.sagas);
      next = /^<(.*)>; rel="next"$/.exec(String(headers.link))?.[1];
      expect(next === undefined).toBe(body.cursor === null);
      if (next !== undefined) expect(new URL(next, url).searchParams.get('cursor')).toBe(body.cursor);
    }
    return pages;
  }

  it.each([1, 2, 3, 5, 500])('of %d have every saga once', async (limit) => {
    const pages = await follow(`${SAGAS}?limit=${limit}`);
    for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
    expect(idsOf(pages.flat())).toEqual(idsOf((await list()).sagas));
  });

  it('keep their filters', async () => {
    const pages = await follow(`${SAGAS}?limit=1&failed_step=payment&status=FAILED`);
    expect(idsOf(pages.flat())).toEqual([declined.saga_id]);
    const names = await follow(`${SAGAS}?limit=1&since=2000-01-01T00:00:00%2B01:00`);
    expect(idsOf(names.flat())).toHaveLength(5);
  });

  it('neither repeat nor leave out what was there when a saga begins in between', async () => {
    const before = idsOf((await list()).sagas);
    const first = await list('?limit=2');
    await submit(url);
    const rest = await follow(`${SAGAS}?limit=2&cursor=${first.cursor}`);
    expect([...idsOf(first.sagas), ...idsOf(rest.flat())]).toEqual(before);
  });
});
