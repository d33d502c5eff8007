/** After everything is healed: what was promised, held against what there is. */
import type { Redis } from 'ioredis';
import type { JournalEntry } from '../../services-stub/journal.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { send, type World } from '../coordinator/world.ts';
import { compared, type Holding, readBooks } from './books.ts';
import { type Clients, numberOf } from './clients.ts';
import { judge } from './effects.ts';
import { differences, recount } from './recount.ts';
import { everySaga, type Saga } from './saga.ts';

export interface Audit {
  readonly problems: readonly string[];
  readonly sagas: readonly Saga[];
  /** Calls that services received. */
  readonly calls: number;
  /** Steps that parked sagas name, and those of them where nothing stands any more. */
  readonly named: number;
  readonly namedInVain: number;
}

/** @param masters a client of each server that has data of its own */
export async function audit(
  world: World,
  masters: readonly Redis[],
  url: string,
  clients: Clients,
): Promise<Audit> {
  const sagas = await everySaga(url);
  const byId = new Map(sagas.map((saga) => [saga.saga_id, saga]));
  const calls = SERVICE_NAMES.flatMap((name) => world.services[name].journal.entries());
  const problems: string[] = [...clients.givenUp, ...clients.unexpected];
  for (const name of SERVICE_NAMES) {
    const { forgotten } = world.services[name].journal;
    if (forgotten > 0)
      problems.push(`the journal of ${name} has forgotten ${forgotten} calls: too many orders`);
  }

  problems.push(...promisesBroken(clients, byId), ...sagasOfNobody(clients, sagas));
  const effects = effectsOf(world, sagas, calls);
  problems.push(...effects.problems);

  const { body: statistics } = await send(`${url}/api/coordinator/statistics`);
  problems.push(...differences(statistics, recount(sagas)));
  problems.push(...(await keysAmiss(masters, sagas)));
  return { ...effects, problems, sagas, calls: calls.length };
}

/** What a client was told must be so for ever. */
function promisesBroken({ acknowledged }: Clients, byId: ReadonlyMap<string, Saga>): string[] {
  return acknowledged.flatMap(({ order, sagaId, saidStatus }) => {
    const saga = byId.get(sagaId);
    if (saga === undefined) return [`saga ${sagaId} of order ${order.number} was acknowledged and is lost`];
    if (orderOf(saga) !== order.number) return [`saga ${sagaId} is not of order ${order.number}`];
    return saidStatus === 'STARTED' || saidStatus === saga.status
      ? []
      : [`saga ${sagaId} was said to be ${saidStatus} and is ${saga.status}`];
  });
}

/** With a key there is one saga of an order; without, no more than the client asked for. */
function sagasOfNobody({ acknowledged, requests }: Clients, sagas: readonly Saga[]): string[] {
  const counts = new Map<number, number>();
  for (const saga of sagas) counts.set(orderOf(saga), (counts.get(orderOf(saga)) ?? 0) + 1);
  const keyed = new Set(acknowledged.flatMap(({ order }) => (order.key === null ? [] : [order.number])));
  return [...counts].flatMap(([number, count]) => {
    const most = keyed.has(number) ? 1 : (requests.get(number) ?? 0);
    return count > most ? [`order ${number} has ${count} sagas, and ${most} at most were asked for`] : [];
  });
}

function orderOf({ context }: Saga): number {
  return numberOf(context.items[0]?.unit_price ?? Number.NaN);
}

function effectsOf(world: World, sagas: readonly Saga[], calls: readonly JournalEntry[]) {
  const problems: string[] = [];
  const bySaga = new Map<string, JournalEntry[]>();
  for (const call of calls) {
    const ofSaga = bySaga.get(call.saga_id);
    if (ofSaga === undefined) bySaga.set(call.saga_id, [call]);
    else ofSaga.push(call);
  }
  const bySagas = new Map<number, Holding>();
  const books = readBooks(world.services);
  problems.push(...books.problems);
  let named = 0;
  let namedInVain = 0;

  for (const saga of sagas) {
    const verdict = judge(saga, bySaga.get(saga.saga_id) ?? []);
    bySaga.delete(saga.saga_id);
    problems.push(...verdict.problems);
    named += saga.parked?.held.length ?? 0;
    namedInVain += verdict.namedInVain.length;
    const number = orderOf(saga);
    const holding = bySagas.get(number) ?? {
      order: 0,
      inventory: 0,
      payment: 0,
      shipping: 0,
      notification: 0,
    };
    bySagas.set(number, holding);
    for (const name of SERVICE_NAMES) if (verdict.standing.includes(name)) holding[name] += 1;
    if (saga.status === 'COMPLETED' && !books.standingIds.has(saga.order_id ?? ''))
      problems.push(`saga ${saga.saga_id} is COMPLETED and its order ${saga.order_id} does not stand`);
  }
  for (const id of bySaga.keys()) problems.push(`services were called for saga ${id}, which nobody knows`);
  for (const [number, holding] of bySagas) problems.push(...compared(number, books.holding(number), holding));
  return { problems, named, namedInVain };
}

/** Keys are read from Redis itself: nothing may run out by itself, and nothing that is over may still be due. */
async function keysAmiss(masters: readonly Redis[], sagas: readonly Saga[]): Promise<string[]> {
  const problems: string[] = [];
  let records = 0;
  let logs = 0;
  const look = (keys: readonly string[], ttls: readonly unknown[]) => {
    keys.forEach((key, at) => {
      if (ttls[at] !== -1) problems.push(`key ${key} runs out in ${String(ttls[at])} ms`);
      if (/}:saga:/.test(key)) records += 1;
      if (/}:log:/.test(key)) logs += 1;
      // A sorted set that is empty does not exist.
      if (/}:due:|}:status:STARTED$/.test(key)) problems.push(`${key} is not empty although all is settled`);
    });
  };
  for (const redis of masters) {
    for await (const batch of redis.scanStream({ count: 1000 })) {
      const keys = batch as string[];
      const asked = redis.pipeline();
      for (const key of keys) asked.pttl(key);
      const ttls = (await asked.exec()) ?? [];
      look(
        keys,
        ttls.map(([, ttl]) => ttl),
      );
    }
  }
  if (records !== sagas.length || logs !== sagas.length)
    problems.push(`Redis has ${records} records and ${logs} logs of ${sagas.length} sagas`);
  return problems;
}
