/** `saga verify` against services that keep every promise, and against such that break one each. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import {
  createParticipant,
  done,
  type Entry,
  type Ledger,
  memoryLedger,
  nodeHandler,
  type Participant,
  refused,
  verifyParticipant,
} from '../../participant/index.ts';
import { ANY_PORTS, startServices } from '../../services-stub/start.ts';
import { saga } from '../cli/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'verify-'));
const file = (name: string, value: unknown) => {
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  return join(folder, name);
};
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => rmSync(folder, { recursive: true }));

const PAYMENT = { order_id: 'o-{saga_id}', amount: 12.5, currency: 'EUR' };
const REFUSED = { ...PAYMENT, amount: -1 };

type Handle = Participant['action'];
interface Mutant {
  readonly ledger?: (whole: Ledger<undefined>) => Ledger<undefined>;
  readonly action?: (handle: Handle) => Handle;
  readonly compensation?: (handle: Handle) => Handle;
  readonly ask?: (handle: Handle, totals: { taken: number }) => Handle;
}

/** A ledger that sees another entry than is there, or keeps another than it should. */
const altered =
  (
    sees: (entry: Entry | null) => Entry | null,
    keeps: (entry: Entry | null) => Entry | null = (entry) => entry,
  ) =>
  (whole: Ledger<undefined>): Ledger<undefined> => ({
    ...whole,
    settle: (step, settle) =>
      whole.settle(step, async (entry, tx) => {
        const settled = await settle(sees(entry), tx);
        return { ...settled, entry: keeps(settled.entry) };
      }),
  });

/** So many rounds of this process's loop that what was sent at the same time has come meanwhile. */
async function others(): Promise<void> {
  for (let round = 0; round < 200; round += 1) await new Promise(setImmediate);
}

/** Takes payments; its probe says how much was taken and given back. */
async function service({
  ledger = (whole) => whole,
  action = (it) => it,
  compensation = (it) => it,
  ask = (it) => it,
}: Mutant) {
  const totals = { taken: 0, refunded: 0 };
  let payments = 0;
  const participant = createParticipant(ledger(memoryLedger()), {
    async perform({ body }) {
      const { amount } = body as { amount: number };
      payments += 1;
      const payment_id = `pay_${payments}`;
      await others();
      if (amount < 0) return refused(`${payment_id} is of nothing`);
      totals.taken += amount;
      return done({ payment_id, amount }, { status: 201 });
    },
    async undo({ answer }) {
      await others();
      totals.refunded += (answer as { amount: number }).amount;
      return done({ refunded: true });
    },
  });
  const routes: Record<string, ReturnType<typeof nodeHandler>> = {
    '/pay': nodeHandler(action(participant.action)),
    '/refund': nodeHandler(compensation(participant.compensation)),
    '/stands': nodeHandler(ask(participant.ask, totals)),
    '/totals': nodeHandler(async () => Response.json(totals)),
  };
  const server = createServer(
    (req, res) => void routes[(req.url ?? '').split('?')[0] ?? '']?.(req, res),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function brokenBy(mutant: Mutant): Promise<string[]> {
  const { holds, verdicts } = await verifyParticipant({
    url: await service(mutant),
    action: '/pay',
    undo: '/refund',
    body: JSON.stringify(PAYMENT),
    refused: JSON.stringify(REFUSED),
    probe: '/totals',
    ask: '/stands',
  });
  const broken = verdicts.filter((verdict) => verdict.holds === false).map(({ name }) => name);
  expect(holds).toBe(broken.length === 0);
  return broken;
}

it('finds that the ledger of the package keeps every promise', async () => {
  expect(await brokenBy({})).toEqual([]);
});

/** Forgets its entry before each call, so that nothing of the ledger is left. */
const FORGETFUL = altered(() => null);

/** Entries without turns. */
function unserialised(): Ledger<undefined> {
  const entries = new Map<string, Entry>();
  return {
    async settle({ sagaId }, settle) {
      const { entry, result } = await settle(entries.get(sagaId) ?? null, undefined);
      if (entry !== null) entries.set(sagaId, entry);
      return result;
    },
    forget: async () => {},
  };
}

function refusingWhileBusy(handle: Handle): Handle {
  const busy = new Set<string | null>();
  return async (request) => {
    const key = request.headers.get('saga-id');
    if (busy.has(key)) return new Response(null, { status: 409 });
    busy.add(key);
    return handle(request).finally(() => busy.delete(key));
  };
}

/** Tells calls apart by what is in them. */
const byBody =
  (handle: Handle): Handle =>
  async (request) => {
    const text = await request.text();
    const headers = new Headers(request.headers);
    if (text.includes('another body')) headers.append('saga-id', 'another');
    return handle(new Request(request.url, { method: 'POST', headers, body: text }));
  };

/** Says something else than what it was going to say, though it did it. */
const saying =
  (status: number, body: string | null): ((handle: Handle) => Handle) =>
  (handle) =>
  async (request) => {
    const { ok } = await handle(request);
    return new Response(ok ? body : null, { status });
  };

const without = (entry: Entry | null): Entry | null =>
  entry === null ? null : { ...entry, compensation: null };

/** Answers 404 to the compensation of what it does not know. */
const refusingNothing =
  (handle: Handle): Handle =>
  async (request) => {
    const response = await handle(request);
    const text = await response.text();
    return text.includes('nothing-to-undo')
      ? new Response(null, { status: 404 })
      : new Response(text, { status: response.status });
  };

/** Keeps nothing of a call that comes another way than the first one: what comes by the proxy is forgotten. */
function forgettingDetours(handle: Handle): Handle {
  let usual: string | null = null;
  return async (request) => {
    const headers = new Headers(request.headers);
    usual ??= headers.get('host');
    if (headers.get('host') !== usual) headers.append('saga-id', 'detour');
    return handle(new Request(request.url, { method: 'POST', headers, body: await request.text() }));
  };
}

/** Tells another state, or none. */
const standing =
  (says: (state: string, of: Of) => unknown): Required<Mutant>['ask'] =>
  (handle) =>
  async (request) => {
    const { state, ...of } = (await (await handle(request)).json()) as Of & { state: string };
    return Response.json({ state: says(state, of) });
  };
interface Of {
  readonly action: { readonly status: number } | null;
}

it.each<[string, Mutant, string]>([
  ['that forgets everything', { ledger: FORGETFUL }, 'repeat'],
  ['that answers a repeat, but not the same', { action: saying(201, null) }, 'action'],
  [
    'that performs what was compensated first',
    { ledger: altered((e) => (e?.action ? e : null)) },
    'late action',
  ],
  ['that undoes each time', { ledger: altered(without) }, 'undo twice'],
  ['that lets calls in beside each other', { ledger: unserialised }, 'duplicates'],
  ['that lets compensations in beside each other', { ledger: unserialised }, 'undos at once'],
  ['that lets a compensation in beside its action', { ledger: unserialised }, 'overlap'],
  ['that refuses duplicates while it is busy', { action: refusingWhileBusy }, 'duplicates'],
  [
    'that does not keep refusals',
    { ledger: altered((e) => (e?.action?.status === 422 ? null : e)) },
    'refusal',
  ],
  ['that tells calls apart by their body', { action: byBody }, 'another body'],
  ['that answers an undo with a list', { compensation: saying(200, '[]') }, 'undo answer'],
  ['that refuses to undo nothing', { compensation: refusingNothing }, 'compensation first'],
  ['that forgets what nobody was told', { action: forgettingDetours }, 'lost answer'],
  [
    'that takes what it does not know for undone',
    { ask: standing((is) => (is === 'done' ? is : 'undone')) },
    'what stands',
  ],
  [
    'that takes what it does not know for done',
    { ask: standing((is) => (is === 'undone' ? is : 'done')) },
    'what stands',
  ],
  [
    'that takes what was undone for done',
    { ask: standing((is) => (is === 'undone' ? 'done' : is)) },
    'what stands',
  ],
  [
    'that takes what it refused for done',
    { ask: standing((is, { action }) => (action?.status === 422 ? 'done' : is)) },
    'what stands',
  ],
  [
    'that knows nothing of what was compensated first',
    { ask: standing((is, { action }) => (action === null ? 'unknown' : is)) },
    'what stands',
  ],
  ['that tells another word', { ask: standing(() => 'open') }, 'what stands'],
  [
    'that has an effect when it is asked',
    {
      ask: (handle, totals) => (request) => {
        totals.taken += 1;
        return handle(request);
      },
    },
    'what stands',
  ],
])('names the promise broken by a ledger %s', async (_, mutant, promise) => {
  expect(await brokenBy(mutant)).toContain(promise);
});

it('passes the services of the order saga by the command, and tells it in words', async () => {
  const { services, close } = await startServices({ only: ['payment'], ports: ANY_PORTS });
  closing.push(close);
  const payment = {
    order_id: 'o-{saga_id}',
    amount: 12,
    currency: 'EUR',
    payment: { method: 'card', token: 't' },
  };
  const args = [
    'verify',
    services.payment.url,
    '--action',
    '/api/payments/process',
    '--undo',
    '/api/payments/refund',
  ];
  const declined = { ...payment, payment: { method: 'card', token: 'tok_declined' } };
  const given = [
    '--body',
    file('payment.json', payment),
    '--probe',
    '/api/payments/totals',
    '--ask',
    '/api/stands',
  ];
  const all = await saga([...args, ...given, '--refused', file('declined.json', declined)]);
  expect([all.err, all.code]).toEqual(['', 0]);
  expect(all.out.split('\n').filter((line) => line.startsWith('holds'))).toHaveLength(14);
  const some = await saga([...args, ...given, '--json']);
  expect(some.code).toBe(0);
  const { holds, verdicts } = JSON.parse(some.out);
  expect(holds).toBe(true);
  expect(verdicts.filter((verdict: { holds: unknown }) => verdict.holds === null)).toEqual([
    expect.objectContaining({ name: 'refusal', why: 'no body was given that is refused' }),
  ]);
});

it('ends with 1 where a promise is broken, and says which and how', async () => {
  const url = await service({ ledger: FORGETFUL });
  const body = file('body.json', PAYMENT);
  const { code, out } = await saga([
    'verify',
    url,
    '--action',
    '/pay',
    '--undo',
    '/refund',
    '--body',
    body,
    '--probe',
    '/totals',
  ]);
  expect(code).toBe(1);
  expect(out).toContain('the repeat of an action had an effect: /taken +12.5');
  expect(out).toContain('all of them together: the probe says /taken +112.5, expected /taken +12.5');
  expect(out).toContain('no path was given at which it tells');
  // Without a probe the answers still tell.
  const blind = await saga(['verify', url, '--action', '/pay', '--undo', '/refund', '--body', body]);
  expect(blind.code).toBe(1);
  expect(blind.out).toMatch(/BROKEN +repeat .*first 201 .*, then 201 /);
});

it('says what is wrong with the command, and that nobody answers', async () => {
  const body = file('body.json', PAYMENT);
  const paths = ['--action', '/pay', '--undo', '/refund'];
  const cases: [string[], number, string][] = [
    [['verify', 'http://127.0.0.1:1'], 2, 'verify needs --action PATH'],
    [['verify', 'no url', ...paths, '--body', body], 2, 'Invalid URL'],
    [['verify', 'http://127.0.0.1:1', ...paths, '--body', join(folder, 'none')], 2, 'cannot be read'],
    [
      ['verify', 'http://127.0.0.1:1', ...paths, '--body', file('list.json', [])],
      2,
      'body is not a JSON object',
    ],
    [['verify', 'http://127.0.0.1:1', ...paths, '--body', body, '--header', 'x'], 2, "'name: value'"],
    [['verify', 'http://127.0.0.1:1', ...paths, '--body', body, '--timeout', '0'], 2, '--timeout'],
    [['verify', await closedUrl(), ...paths, '--body', body], 3, 'does not answer'],
  ];
  for (const [args, code, says] of cases) {
    const ran = await saga(args);
    expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(says)]);
  }
});

async function closedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
