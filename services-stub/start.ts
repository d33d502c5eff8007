/** Puts participants behind real sockets. The only place here where time, randomness and ports are real. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { Desk } from './desk.ts';
import { createNamedDesk, DESK_PORTS, type DeskName } from './desks.ts';
import { createInventory, type Stock } from './inventory.ts';
import type { JournalEntry } from './journal.ts';
import type { Clock, Means } from './means.ts';
import { createNotification } from './notification.ts';
import { createOrder } from './order.ts';
import type { Participant, ServiceName } from './participant.ts';
import { createPayment } from './payment.ts';
import { createShipping } from './shipping.ts';

export type Ports = Readonly<Record<ServiceName, number>>;

/** Also the order in which a saga calls them. */
export const FIXED_PORTS: Ports = {
  order: 8000,
  inventory: 8001,
  payment: 8002,
  shipping: 8003,
  notification: 8004,
};

/** Lets the system choose: for tests, which run beside one another. */
export const ANY_PORTS: Ports = { order: 0, inventory: 0, payment: 0, shipping: 0, notification: 0 };

export const SERVICE_NAMES = Object.keys(FIXED_PORTS) as readonly ServiceName[];

export interface StartOptions<Name extends ServiceName = ServiceName> {
  readonly only?: readonly Name[];
  readonly ports?: Ports;
  readonly host?: string;
  readonly faultsOn?: boolean;
  /** Pieces by product, laid over the default catalogue. */
  readonly stock?: Stock;
  readonly clock?: Clock;
  readonly newId?: Means['newId'];
}

interface Participants {
  readonly order: ReturnType<typeof createOrder>;
  readonly inventory: ReturnType<typeof createInventory>;
  readonly payment: ReturnType<typeof createPayment>;
  readonly shipping: ReturnType<typeof createShipping>;
  readonly notification: ReturnType<typeof createNotification>;
}

type Served = Pick<Participant, 'app'> & { readonly faults: { clear(): void } };

export type Running<P extends Served> = P & {
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
};

export interface RunningServices<Name extends ServiceName = ServiceName> {
  readonly services: { readonly [N in Name]: Running<Participants[N]> };
  /** The journals of all services as one, in the order in which the calls were settled. */
  readonly journal: () => JournalEntry[];
  readonly close: () => Promise<void>;
}

/** Longer than callers and what may stand between keep theirs, so that none calls into a connection that is being closed. */
const KEEP_ALIVE_MS = 75_000;
/** How long calls under way may take to end before their connections are cut. */
const DRAIN_MS = 5_000;

export async function startServices<Name extends ServiceName = ServiceName>(
  options: StartOptions<Name> = {},
): Promise<RunningServices<Name>> {
  const { only, ports = FIXED_PORTS, host = '127.0.0.1', stock = {} } = options;
  const means = realMeans(options);
  const create: { readonly [N in ServiceName]: () => Participants[N] } = {
    order: () => createOrder(means),
    inventory: () => createInventory(means, stock),
    payment: () => createPayment(means),
    shipping: () => createShipping(means),
    notification: () => createNotification(means),
  };
  const running: Running<Participant>[] = [];
  const close = async () => {
    await Promise.all(running.map((service) => service.close()));
  };
  try {
    for (const name of only ?? SERVICE_NAMES) {
      running.push(await listen(create[name](), host, ports[name]));
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  const services = Object.fromEntries(running.map((service) => [service.service, service]));
  const journal = () => running.flatMap((service) => service.journal.entries()).sort((a, b) => a.seq - b.seq);
  return { services: services as unknown as RunningServices<Name>['services'], journal, close };
}

/** The same of participants that other sagas have. */
export async function startDesks(
  names: readonly DeskName[],
  options: Pick<StartOptions, 'host' | 'faultsOn' | 'clock' | 'newId'> & {
    readonly ports?: Readonly<Record<DeskName, number>>;
  } = {},
): Promise<{ readonly desks: readonly Running<Desk<DeskName>>[]; readonly close: () => Promise<void> }> {
  const { ports = DESK_PORTS, host = '127.0.0.1' } = options;
  const means = realMeans(options);
  const desks: Running<Desk<DeskName>>[] = [];
  const close = async () => {
    await Promise.all(desks.map((desk) => desk.close()));
  };
  try {
    for (const name of names) desks.push(await listen(createNamedDesk(name, means), host, ports[name]));
  } catch (cause) {
    await close();
    throw cause;
  }
  return { desks, close };
}

export async function listen<P extends Served>(
  participant: P,
  host: string,
  port: number,
): Promise<Running<P>> {
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS + 5_000 },
    getRequestListener(participant.app.fetch as Parameters<typeof getRequestListener>[0]),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: actualPort } = server.address() as AddressInfo;
  const drain = drainable(server);
  const close = () => {
    // A held call would hold the drain: faults end with the service they were set on.
    participant.faults.clear();
    return drain();
  };
  return { ...participant, url: `http://${reachable(host)}:${actualPort}`, port: actualPort, close };
}

/**
 * Gives the way to stop a server: no new connection, calls under way end, then every connection is closed. Calls
 * are counted here, because Node waits for connections, and for one that never carried a call it waits long.
 */
function drainable(server: Server): () => Promise<void> {
  let underWay = 0;
  const closeWhenQuiet = () => {
    if (!server.listening && underWay === 0) server.closeAllConnections();
  };
  server.on('request', (_request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
      closeWhenQuiet();
    });
  });
  return async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    closeWhenQuiet();
    await closed;
    clearTimeout(cut);
  };
}

/** An address that listens everywhere is nobody's address; this machine reaches it by loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function realMeans({
  clock = REAL_CLOCK,
  newId = randomId,
  faultsOn = false,
}: Pick<StartOptions, 'clock' | 'newId' | 'faultsOn'>): Means {
  let seq = 0;
  return {
    clock,
    newId,
    faultsOn,
    nextSeq: () => {
      seq += 1;
      return seq;
    },
  };
}

const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (ms, until) => delay(ms, undefined, { signal: until }).catch(() => undefined),
};

/** Of a UUID, because Node draws random bytes for many of them at once. */
function randomId(prefix: string): string {
  return `${prefix}${randomUUID().replaceAll('-', '').slice(12)}`;
}
