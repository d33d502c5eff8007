/** The crash theatre over HTTP, as a browser without a script has it, with real stub services and a cast that is played. */
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { guard } from '../../server/access.ts';
import type { Cast, CastMember } from '../../server/cast.ts';
import { readSettings } from '../../server/config.ts';
import { Stubs } from '../../server/stubs.ts';
import { DESK_PORTS } from '../../services-stub/desks.ts';
import {
  ANY_PORTS,
  type RunningServices,
  SERVICE_NAMES,
  startDesks,
  startServices,
} from '../../services-stub/start.ts';
import { quiet } from '../engine/virtual-clock.ts';
import { World } from '../engine/world.ts';
import { appOver } from '../server/fake-app.ts';

const BOTH = 'ada-who-may-do-both-abcdefghijklmnop';
const OPERATES = 'bob-who-operates-abcdefghijklmnopqrs';
const READS = 'cyd-who-only-reads-abcdefghijklmnopq';
const API_TOKENS = `ada operator,submitter ${BOTH}; bob operator ${OPERATES}; cyd viewer ${READS}`;

let running: RunningServices;
/** A participant of another saga than the order's, which makes two calls. */
let airline: Awaited<ReturnType<typeof startDesks>>;
beforeAll(async () => {
  running = await startServices({ ports: ANY_PORTS, faultsOn: true });
  airline = await startDesks(['airline'], { ports: { ...DESK_PORTS, airline: 0 }, faultsOn: true });
});
afterAll(() => Promise.all([running.close(), airline.close()]));
afterEach(() => {
  for (const desk of airline.desks) desk.faults.clear();
  for (const name of SERVICE_NAMES) running.services[name].faults.clear();
});

const member = (over: Partial<CastMember>): CastMember => ({
  kind: 'coordinator',
  name: 'a',
  pid: 4711,
  isUp: true,
  startedAtMs: 0,
  kills: 0,
  ...over,
});

class PlayedCast implements Cast {
  readonly killed: string[] = [];
  all: CastMember[] = [
    member({}),
    member({ name: 'b', pid: 4712 }),
    member({ name: 'c', pid: null, isUp: false, kills: 2 }),
    member({ kind: 'redis', name: 'Redis', pid: 4713 }),
  ];
  async members() {
    return this.all;
  }
  async kill({ kind, name }: CastMember, awayMs: number) {
    this.killed.push(`${kind} ${name} ${awayMs}`);
    return true;
  }
}

async function opened({ hasTheatre = true, cast = new PlayedCast() as PlayedCast | null } = {}) {
  const world = new World();
  const { engine } = await world.coordinator('a');
  engine.open();
  const urls = Object.fromEntries([
    ...SERVICE_NAMES.map((name) => [name, running.services[name].url]),
    ...airline.desks.map(({ service, url }) => [service, url]),
  ]);
  const theatre = hasTheatre ? { cast, own: 'a', stubs: new Stubs(urls) } : null;
  const access = guard(readSettings({ API_TOKENS }));
  const app = appOver(engine, pino({ level: 'silent' }), '', null, undefined, access, world.clock, theatre);
  const ask = async (
    path: string,
    token = BOTH,
    init: RequestInit = {},
    more: Record<string, string> = {},
  ) => {
    const headers = { accept: 'text/html', host: 'localhost', authorization: `Bearer ${token}`, ...more };
    const answer = await app.request(`http://localhost${path}`, { ...init, headers });
    await quiet();
    return {
      status: answer.status,
      location: answer.headers.get('location') ?? '',
      body: await answer.text(),
    };
  };
  const post = (path: string, fields: Record<string, string>, token = BOTH, more = {}) =>
    ask(
      path,
      token,
      { method: 'POST', body: new URLSearchParams(fields).toString() },
      { 'content-type': 'application/x-www-form-urlencoded', ...more },
    );
  const audit = async (action: string) =>
    JSON.parse((await ask(`/api/coordinator/audit?action=${action}`)).body).entries;
  return { world, engine, cast, ask, post, audit };
}

const FAULT = { service: 'payment', endpoint: 'action', fault: 'lose', share: 'one' };
const KILL = { kind: 'coordinator', name: 'b', away: '0' };
const FORMS: readonly (readonly [string, Record<string, string>])[] = [
  ['/theatre/faults', FAULT],
  ['/theatre/faults/clear', { service: 'all' }],
  ['/theatre/kill', KILL],
  ['/theatre/orders', { n: '1' }],
];

it('is not there unless faults are switched on, and no page leads to it', async () => {
  const { ask, post } = await opened({ hasTheatre: false });
  expect((await ask('/theatre')).status).toBe(404);
  for (const [path, fields] of FORMS) expect((await post(path, fields)).status, path).toBe(404);
  expect((await ask('/')).body).not.toContain('/theatre');
  const { ask: askThere } = await opened();
  expect((await askThere('/')).body).toContain('href="/theatre"');
});

it('is for whoever operates, asked from its own page', async () => {
  const { world, cast, ask, post } = await opened();
  expect((await ask('/theatre', READS)).status).toBe(403);
  expect((await ask('/', READS)).body).not.toContain('/theatre');
  expect((await ask('/', OPERATES)).body).toContain('href="/theatre"');
  for (const [path, fields] of FORMS) {
    expect((await post(path, fields, READS)).status, path).toBe(403);
    expect((await post(path, fields, BOTH, { origin: 'https://evil.example' })).status, path).toBe(403);
  }
  // To start orders takes the other role beside it, and a page that does not offer it to others.
  expect((await post('/theatre/orders', { n: '1' }, OPERATES)).status).toBe(403);
  expect((await ask('/theatre', OPERATES)).body).toContain('the role submitter');
  expect(cast?.killed).toEqual([]);
  expect(running.services.payment.faults.describe()).toEqual([]);
  expect((await world.store.statistics()).statuses.STARTED).toBe(0);
});

it('sets, shows and clears faults of the stub services, and says in the audit who did', async () => {
  const { ask, post, audit } = await opened();
  expect(await post('/theatre/faults', FAULT)).toMatchObject({ status: 303, location: '/theatre' });
  expect(running.services.payment.faults.describe()).toEqual([
    { endpoint: 'action', kind: 'lose-answer', times: 1, hits: 0 },
  ]);
  expect((await ask('/theatre')).body).toContain('Actions lose their answer, 1 in all: 0 so far');
  await post('/theatre/faults', { ...FAULT, service: 'all', fault: 'slow', share: 'every' });
  for (const name of SERVICE_NAMES) {
    const rules = running.services[name].faults.describe();
    expect(rules).toEqual([{ endpoint: 'action', kind: 'latency', latency_ms: 2000, hits: 0 }]);
  }
  const [desk] = airline.desks;
  expect(desk?.faults.describe()).toMatchObject([{ endpoint: 'action', kind: 'latency' }]);
  desk?.faults.set([{ endpoint: '/api/tickets/issue', kind: 'hang' }]);
  expect((await ask('/theatre')).body).toContain('Calls of /api/tickets/issue hang: 0 so far');
  await post('/theatre/faults/clear', { service: 'order' });
  expect(running.services.order.faults.describe()).toEqual([]);
  expect(running.services.payment.faults.describe()).toHaveLength(1);
  await post('/theatre/faults/clear', { service: 'all' });
  expect((await ask('/theatre')).body).not.toContain('so far');
  const told = await audit('fault');
  expect(told.map(({ reason }: { reason: string }) => reason)).toEqual([
    'all: none any more',
    'order: none any more',
    'all: actions take 2 s longer, every one',
    'payment: actions lose their answer, the next one',
  ]);
  expect(told[0]).toMatchObject({ actor: 'token:ada', by: 'ada', saga_id: null });
  expect((await ask('/audit?action=fault')).body).toContain('order: none any more');
});

it('takes nothing that is not offered', async () => {
  const { cast, post } = await opened();
  const wrong: readonly (readonly [string, Record<string, string>])[] = [
    ['/theatre/faults', { ...FAULT, service: 'bank' }],
    ['/theatre/faults', { ...FAULT, fault: 'explode' }],
    ['/theatre/faults/clear', { service: '__proto__' }],
    ['/theatre/kill', { ...KILL, away: '3600' }],
    ['/theatre/kill', { ...KILL, kind: 'init' }],
    ['/theatre/orders', { n: '51' }],
  ];
  for (const [path, fields] of wrong)
    expect((await post(path, fields)).status, JSON.stringify(fields)).toBe(422);
  expect(cast?.killed).toEqual([]);
});

it('kills whom the cast has, by name, and nobody else', async () => {
  const { cast, ask, post, audit } = await opened();
  expect(await post('/theatre/kill', { ...KILL, away: '30' })).toMatchObject({ status: 303 });
  expect(await post('/theatre/kill', { kind: 'redis', name: 'Redis', away: '0' })).toMatchObject({
    status: 303,
  });
  // What shows the page says so itself: there may be nobody to whom to go on.
  const own = await post('/theatre/kill', { ...KILL, name: 'a' });
  expect([own.status, own.body]).toEqual([200, expect.stringContaining('a is killed')]);
  for (const other of [
    { ...KILL, name: '1' },
    { ...KILL, name: 'c' },
    { ...KILL, kind: 'services', name: 'Redis' },
  ]) {
    const { status, body } = await post('/theatre/kill', other);
    expect([status, body]).toEqual([409, expect.stringContaining('Nothing was done')]);
  }
  const killed = ['coordinator b 30000', 'redis Redis 0', 'coordinator a 0'];
  expect(cast?.killed).toEqual(killed);
  const told = await audit('kill');
  expect(told.map(({ reason }: { reason: string }) => reason).reverse()).toEqual([
    'coordinator b (pid 4712), for 30 s',
    'Redis (pid 4713)',
    'coordinator a (pid 4711)',
  ]);
  const { body } = await ask('/theatre');
  expect(body).toMatch(/id="lane-c".*?down.*?killed 2 ×/s);
});

it('kills nothing where nobody has a cast, and says how to have one', async () => {
  const { ask, post } = await opened({ cast: null });
  expect((await post('/theatre/kill', KILL)).status).toBe(409);
  const { body } = await ask('/theatre');
  expect(body).toContain('FAULTS=1 npm start');
  expect(body).not.toContain('kill -9');
  // One lane, of which nobody says more.
  expect(body).toContain('COORDINATOR_PROCESSES=2');
});

it('starts as many orders as were asked for, in the name of who asked', async () => {
  const { world, ask, post, audit } = await opened();
  world.participants = () => new Promise(() => {});
  expect(await post('/theatre/orders', { n: '10' })).toMatchObject({ status: 303 });
  expect((await world.store.statistics()).statuses.STARTED).toBe(10);
  expect(await audit('start')).toHaveLength(10);
  expect((await audit('start'))[0]).toMatchObject({ actor: 'token:ada', reason: 'crash theatre' });
  const { body } = await ask('/theatre');
  expect(body.match(/id="mark-/g)).toHaveLength(10);
  expect(body).toMatch(/id="lane-a".*?holds 10, took over 0.*?id="lane-b".*?holds 0/s);
});

it('shows in whose hands each saga is, and who has taken over how many', async () => {
  const { world, ask, post } = await opened();
  world.participants = () => new Promise(() => {});
  await post('/theatre/orders', { n: '10' });
  // A newer boot of its name takes back at once what the older one holds.
  const { sagas } = await world.store.list({}, null, 10);
  const ids = sagas.slice(0, 4).map(({ id }) => id);
  const at = new Date(world.clock.now()).toISOString();
  await world.store.claim(ids, { name: 'a', boot: 7 }, 60_000, 'w-a', at);
  const { body } = await ask('/theatre');
  expect(body).toMatch(/id="lane-a".*?boot 7.*?holds 10, took over 4/s);
  expect(body).toContain('Taken over: 4 of the newest 10 sagas');
  expect(body.match(/class="mark taken"/g)).toHaveLength(4);
  expect(body.match(/class="mark orphan"/g)).toHaveLength(6);
});

it('counts by the books of the services what was done, repeated, and done twice', async () => {
  const { ask } = await opened();
  const pay = (saga: string, attempt: string) =>
    fetch(`${running.services.payment.url}/api/payments/process`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'saga-id': saga,
        'saga-step': 'payment',
        'saga-attempt': attempt,
        'idempotency-key': `${saga}:payment:action`,
      },
      body: JSON.stringify({
        order_id: 'o-1',
        amount: 1,
        currency: 'EUR',
        payment: { method: 'card', token: 'tok_visa' },
      }),
    });
  expect((await pay('s-1', '1')).status).toBe(201);
  expect((await pay('s-1', '2')).status).toBe(201);
  const row = async () => /id="stub-payment">.*?<\/tr>/s.exec((await ask('/theatre')).body)?.[0] ?? '';
  expect(await row()).toMatch(/<td>1<\/td><td>0<\/td><td>1<\/td><td>0<\/td>/);
  const figure = async () => /id="twice">.*?figure">([^<]*)</s.exec((await ask('/theatre')).body)?.[1];
  expect(await figure()).toBe('0');
  // A ledger that had forgotten would be seen.
  const entry = running.services.payment.journal.ofSaga('s-1')[0];
  if (entry === undefined) throw new Error('the payment is not in the journal');
  running.services.payment.journal.tally.count(entry);
  expect(await figure()).toBe('1');
  expect((await ask('/theatre')).body).toContain('href="/sagas/s-1"');
});
