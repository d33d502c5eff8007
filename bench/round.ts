/** One round of one contender: so many orders, measured, and checked at the stub. */
import { request } from 'undici';
import { cpuUs, cpuWithChildrenUs } from './cpu.ts';
import { drive } from './load.ts';
import type { Contender } from './processes.ts';

export type Course = 'success' | 'compensation';

export interface Round {
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Microseconds per saga; null where the system does not tell. */
  readonly cpuUs: Readonly<Record<'self' | 'store' | 'around', number>> | null;
}

interface Task {
  readonly contender: Contender;
  readonly stub: { readonly url: string; readonly pid: number };
  readonly course: Course;
  readonly clients: number;
  readonly orders: number;
}

type Counts = Readonly<Record<string, number>>;

/** What each order has to lead to, once each. Payment is what declines, so it is undone along with what was done. */
const RIGHT: Readonly<Record<Course, { status: number; paths: readonly string[] }>> = {
  success: {
    status: 201,
    paths: [
      '/api/orders',
      '/api/inventory/reserve',
      '/api/payments/process',
      '/api/shipping/schedule',
      '/api/notifications/send',
    ],
  },
  compensation: {
    status: 409,
    paths: [
      '/api/orders',
      '/api/inventory/reserve',
      '/api/payments/process',
      '/api/payments/refund',
      '/api/inventory/release',
      '/api/orders/cancel',
    ],
  },
};

export async function measure({ contender, stub, course, clients, orders }: Task): Promise<Round> {
  const callsBefore = await callsAt(stub.url);
  const before = cpuOf(contender, stub.pid);
  const { seconds, latenciesMs, statuses } = await drive({
    url: contender.url,
    clients,
    orders,
    declined: course === 'compensation',
  });
  const after = cpuOf(contender, stub.pid);
  const perOrder = (kind: keyof typeof after) => (after[kind] - before[kind]) / orders;
  const cpu = { self: perOrder('self'), store: perOrder('store'), around: perOrder('around') };
  const wrong = wrongOf({ course, orders, statuses, calls: more(callsBefore, await callsAt(stub.url)) });
  if (wrong.length > 0) throw new Error(`${contender.name}, ${course}: ${wrong.join('; ')}`);
  return {
    ordersPerSecond: orders / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuUs: Number.isNaN(cpu.self) ? null : cpu,
  };
}

interface Seen {
  readonly course: Course;
  readonly orders: number;
  readonly statuses: Counts;
  readonly calls: Counts;
}

/** What was not as it had to be: a missing or a second call, any other status. Empty where all is right. */
export function wrongOf({ course, orders, statuses, calls }: Seen): string[] {
  const { status, paths } = RIGHT[course];
  return [
    ...unlike('answers with', { [status]: orders }, statuses),
    ...unlike('calls of', Object.fromEntries(paths.map((path) => [path, orders])), calls),
  ];
}

function unlike(what: string, right: Counts, seen: Counts): string[] {
  return [...new Set([...Object.keys(right), ...Object.keys(seen)])]
    .filter((key) => (right[key] ?? 0) !== (seen[key] ?? 0))
    .map((key) => `${seen[key] ?? 0} ${what} ${key} instead of ${right[key] ?? 0}`);
}

async function callsAt(stubUrl: string): Promise<Counts> {
  const { body } = await request(`${stubUrl}/counts`);
  return (await body.json()) as Counts;
}

const more = (before: Counts, after: Counts): Counts =>
  Object.fromEntries(Object.entries(after).map(([path, count]) => [path, count - (before[path] ?? 0)]));

function cpuOf({ pids, store }: Contender, stubPid: number) {
  const known = (us: number | null) => us ?? Number.NaN;
  return {
    self: pids.reduce((sum, pid) => sum + known(cpuWithChildrenUs(pid)), 0),
    store: store === null ? 0 : known(cpuWithChildrenUs(store.pid)),
    around: known(cpuUs(stubPid)) + known(cpuUs(process.pid)),
  };
}

function quantile(ascending: readonly number[], q: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * q))] ?? Number.NaN;
}
