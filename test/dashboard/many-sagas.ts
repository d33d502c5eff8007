/**
 * A store as a fleet leaves it: sagas of three machines, done, undone, waiting, in flight and parked for several causes. One of each kind
 * is run by a coordinator; the others are its copies under labels, customers and payments of their own, written through the store.
 */
import { fill, modelOf } from '../../bench/fill.ts';
import { parse } from '../../json/exact.ts';
import { RegisteredMachine } from '../../machines/index.ts';
import { sagasOf } from '../../server/assembly.ts';
import { readSettings } from '../../server/config.ts';
import { loadSagas } from '../../server/saga-modules.ts';
import type { RedisStore } from '../../stores/redis/redis-store.ts';
import { type Minute, minuteAt, type NewSaga } from '../../stores/saga-store.ts';
import { ORDER, send, submit, type World } from '../coordinator/world.ts';

/** As `SAGAS` has them. */
export const MACHINES = 'order,trip,returns';
/** As many have one customer. */
const OF_A_CUSTOMER = 8;

/** How many of a hundred. */
const SHARES = {
  done: 50,
  undone: 12,
  'refund refused': 4,
  'refund gone': 2,
  'stock locked': 3,
  'both held': 1,
  'in flight': 4,
  'trip done': 6,
  'trip waits': 6,
  'room held': 2,
  'return done': 3,
  'return waits': 5,
  'refund stuck': 2,
} as const;
export type Kind = keyof typeof SHARES;
export const KINDS = Object.keys(SHARES) as readonly Kind[];

/** Sagas of one kind. */
export interface Kept {
  /** The model is one of them. */
  readonly n: number;
  /** Of the one that a coordinator ran, with its log whole. */
  readonly model: string;
  /** Of the copy with this number: its label, and its search attributes by name. */
  termsOf(at: number): Readonly<Record<string, string>>;
}

export type Many = Readonly<Record<Kind, Kept>>;

/**
 * @param url of a coordinator of this world, whose breakers stay closed
 * @param total how many there are to be, a hundred at least
 */
export async function fillWith(world: World, url: string, store: RedisStore, total: number): Promise<Many> {
  const machines = await machinesKnown();
  const kept: Partial<Record<Kind, Kept>> = {};
  for (const kind of KINDS) {
    const before = (await store.statistics()).counters;
    const id = await RUNS[kind](world, url);
    const model = await modelOf(store, id, {});
    const after = (await store.statistics()).counters[model.record.machine.id] ?? {};
    const old = before[model.record.machine.id] ?? {};
    const counts = Object.fromEntries(
      Object.entries(after).flatMap(([name, n]) =>
        n > (old[name] ?? 0) ? [[name, n - (old[name] ?? 0)]] : [],
      ),
    );
    const machine = machines.get(model.record.machine.id);
    if (machine === undefined) throw new Error(`no machine ${model.record.machine.id}`);
    const { context } = parse(model.record.snapshot) as {
      context: { data: Parameters<typeof machine.terms.of>[0] };
    };
    const terms = machine.terms.of(context.data);
    const renamed = ({ name, value }: (typeof terms)[number], at: number) =>
      `${value}-${name === 'customer' ? Math.floor(at / OF_A_CUSTOMER) : at}`;
    const vary = (saga: NewSaga, at: number): NewSaga => {
      let text = JSON.stringify({ ...saga, terms }).replaceAll(id, saga.id);
      for (const term of terms) text = text.replaceAll(term.value, renamed(term, at));
      return JSON.parse(text);
    };
    const n = Math.floor((total * SHARES[kind]) / 100);
    await fill(store, { ...model, counts }, n - 1, vary);
    kept[kind] = {
      n,
      model: id,
      termsOf: (at) => Object.fromEntries(terms.map((term) => [term.name, renamed(term, at)])),
    };
  }
  return kept as Many;
}

async function machinesKnown(): Promise<ReadonlyMap<string, RegisteredMachine>> {
  const blueprints = await loadSagas(MACHINES);
  const sagas = sagasOf(blueprints)(readSettings({}, blueprints));
  return new Map(sagas.map((saga) => [saga.id, new RegisteredMachine(saga)]));
}

type Faulty = 'inventory' | 'payment';
const refuse = (status: number) => ({ kind: 'status', status }) as const;

/** Shipping refuses, and these refuse to undo what they did. */
async function orderHeld(world: World, url: string, held: Partial<Record<Faulty, number>>): Promise<string> {
  const { shipping, ...others } = world.services;
  shipping.faults.set([{ endpoint: 'action', ...refuse(409) }]);
  for (const [name, status] of Object.entries(held))
    others[name as Faulty].faults.set([{ endpoint: 'compensation', ...refuse(status) }]);
  const { body } = await submit(url, { ...ORDER, customer_id: 'cust-of-many' });
  for (const service of Object.values(world.services)) service.faults.clear();
  return body.saga_id;
}

/** This call of a desk is refused from then on. */
async function deskRefuses(world: World, desk: string, path: string): Promise<void> {
  const { ok } = await fetch(`${world.desks[desk]}/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ endpoint: path, ...refuse(409) }]),
  });
  if (!ok) throw new Error(`${desk} has taken no fault`);
}

let begun = 0;

async function started(url: string, machine: string, input: object): Promise<string> {
  const { body } = await send(`${url}/api/coordinator/sagas`, {
    method: 'POST',
    body: { machine, input },
    headers: { prefer: 'respond-async' },
  });
  return body.saga_id;
}
const trip = (url: string) => {
  begun += 1;
  return started(url, 'trip', {
    trip: `to-paris-${begun}`,
    traveller: { name: 'Ada Lovelace', passport: 'P-123456' },
    from: 'LON',
    to: 'PAR',
    visa: false,
    insured: [{ name: 'Ada' }, { name: 'Byron' }],
    card: 'card-123',
  });
};
const goods = (url: string) => {
  begun += 1;
  return started(url, 'returns', {
    order_id: `returned-${begun}`,
    customer: 'cust-of-returns',
    items: [{ product_id: 'widget', quantity: 1 }],
    amount: 1999,
    card: 'card-123',
  });
};
async function told(url: string, id: string, name: string, data: object): Promise<void> {
  await send(`${url}/api/coordinator/sagas/${id}/events`, {
    method: 'POST',
    body: { name, id: 'e-1', data },
  });
}

/** Asks until it stands in a state that begins so, or has this status. */
async function until(url: string, id: string, which: string): Promise<string> {
  for (;;) {
    const { body } = await send(`${url}/api/coordinator/sagas/${id}`);
    if (body.status === which || body.state.startsWith(which)) return id;
  }
}

const RUNS: Readonly<Record<Kind, (world: World, url: string) => Promise<string>>> = {
  done: async (_, url) => (await submit(url, { ...ORDER, customer_id: 'cust-of-many' })).body.saga_id,
  undone: (world, url) => orderHeld(world, url, {}),
  'refund refused': (world, url) => orderHeld(world, url, { payment: 409 }),
  'refund gone': (world, url) => orderHeld(world, url, { payment: 410 }),
  'stock locked': (world, url) => orderHeld(world, url, { inventory: 423 }),
  'both held': (world, url) => orderHeld(world, url, { inventory: 423, payment: 409 }),
  async 'in flight'({ services: { payment } }, url) {
    payment.faults.set([{ endpoint: 'action', kind: 'hang', times: 1 }]);
    const order = { ...ORDER, customer_id: 'cust-of-many' };
    const { body } = await submit(url, order, { prefer: 'respond-async' });
    return until(url, body.saga_id, 'processingPayment');
  },
  async 'trip done'(_, url) {
    const id = await trip(url);
    await told(url, id, 'approval', { by: 'eve', approved: true });
    return until(url, id, 'COMPLETED');
  },
  'trip waits': async (_, url) => until(url, await trip(url), 'awaitingApproval'),
  async 'room held'(world, url) {
    await deskRefuses(world, 'hotel', '/api/rooms/release');
    const id = await trip(url);
    await told(url, id, 'approval', { by: 'eve', approved: false });
    return until(url, id, 'ABORTED');
  },
  async 'return done'(_, url) {
    const id = await goods(url);
    await told(url, id, 'arrival', { parcel: 'par_1', intact: true });
    return until(url, id, 'COMPLETED');
  },
  'return waits': async (_, url) => until(url, await goods(url), 'awaitingArrival'),
  async 'refund stuck'(world, url) {
    await deskRefuses(world, 'bank', '/api/refunds/make');
    const id = await goods(url);
    await told(url, id, 'arrival', { parcel: 'par_1', intact: true });
    return until(url, id, 'ABORTED');
  },
};

/** A day of orders, with an outage of payment in it, as coordinators would have counted it. */
export function aDay(nowMs: number): Minute[] {
  const now = minuteAt(nowMs);
  return Array.from({ length: 1439 }, (_, index) => {
    const minute = now - 1439 + index;
    const n = 20 + (minute % 7);
    const isOutage = index > 900 && index < 960;
    const ended = isOutage ? { ABORTED: n, 'ABORTED.5000': n } : { COMPLETED: n, 'COMPLETED.200': n };
    const paid = isOutage ? { retryable: n, retries: n, 5000: n } : { done: n, 100: n };
    return {
      minute,
      counts: {
        'machine/order': { started: n, ...ended },
        'calls/order/payment/action/payment': paid,
        'calls/order/inventory/action/inventory': { done: n, 50: n },
        ...(isOutage && { 'calls/order/payment/compensation/payment': { refused: n, 200: n } }),
      },
    };
  });
}
