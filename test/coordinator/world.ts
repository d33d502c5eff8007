/**
 * A whole world for a test: five real services on free ports, a real Redis, and coordinators in this process or as
 * processes of their own. Nothing is simulated; what is shared between two tests is named by the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { request } from 'undici';
import { type Sagas, sagasOf } from '../../server/assembly.ts';
import { readSettings } from '../../server/config.ts';
import { type Coordinator, startCoordinator } from '../../server/coordinator.ts';
import { loadSagas } from '../../server/saga-modules.ts';
import { DESK_PORTS, type DeskName } from '../../services-stub/desks.ts';
import type { JournalEntry } from '../../services-stub/journal.ts';
import {
  ANY_PORTS,
  type RunningServices,
  SERVICE_NAMES,
  type StartOptions,
  startDesks,
  startServices,
} from '../../services-stub/start.ts';
import { argumentsOf } from '../programs.ts';
import { others } from '../redis/until.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../redis-server.ts';
import { wrongIn } from '../server/described.ts';
import { orderSagas } from './order-sagas.ts';

export type Environment = Readonly<Record<string, string>>;

/** Attempts are few and waits short, so that what takes minutes in production takes milliseconds here. */
const QUICK: Environment = {
  COORDINATOR_PORT: '0',
  LOG_LEVEL: 'silent',
  ACTION_ATTEMPTS_MAX: '2',
  COMPENSATION_ATTEMPTS_MAX: '2',
  ACTION_BACKOFF_MS: '1',
  ACTION_BACKOFF_MAX_MS: '2',
  COMPENSATION_BACKOFF_MS: '1',
  COMPENSATION_BACKOFF_MAX_MS: '2',
  BREAKER_OPEN_MS: '10',
  BREAKER_OPEN_MAX_MS: '20',
};

export interface World {
  readonly redis: RedisServer;
  readonly services: RunningServices['services'];
  /** Where the participants of the sagas trip and returns are, by name; none unless those run here. */
  readonly desks: Readonly<Record<string, string>>;
  /** A coordinator in this process; of another release where its sagas are given. */
  coordinator(environment?: Environment, sagas?: Sagas): Promise<Coordinator>;
  /** A coordinator as a process of its own, which can be killed; of the product's own program unless another is given. */
  process(environment?: Environment, program?: Program): Promise<CoordinatorProcess>;
  /** The calls that the services received for one saga, as `inventory compensation performed`. */
  calls(sagaId: string): string[];
  journal(sagaId: string): JournalEntry[];
  close(): Promise<void>;
}

export interface Program {
  readonly module: string;
  /** Options of Node. */
  readonly options?: readonly string[];
}

type LogLine = Readonly<Record<string, unknown>>;

export interface CoordinatorProcess {
  readonly url: string;
  readonly pid: number;
  /** Lines of its log so far. */
  readonly log: readonly LogLine[];
  /** Resolves with the first line that matches, also where it comes later. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** SIGKILL, or another signal; resolves with the exit code when the process is gone. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface WorldOptions extends StartOptions {
  /** What its Redis has beside an append-only file. */
  readonly redis?: RedisServerOptions;
  /** As `SAGAS` names them: the order saga alone, unless others are named. */
  readonly sagas?: string;
}

const DESKS = Object.keys(DESK_PORTS) as DeskName[];
const ANY_DESK_PORTS = Object.fromEntries(DESKS.map((name) => [name, 0])) as Record<DeskName, number>;

export async function openWorld({
  redis: more = {},
  sagas: named,
  ...options
}: WorldOptions = {}): Promise<World> {
  const redis = await startRedis({ appendonly: true, ...more });
  const running = await startServices({ ports: ANY_PORTS, ...options });
  const { services } = running;
  const further = await startDesks(named === undefined ? [] : DESKS, {
    ports: ANY_DESK_PORTS,
    faultsOn: true,
  });
  const desks = Object.fromEntries(further.desks.map(({ service, url }) => [service, url]));
  const blueprints = named === undefined ? undefined : await loadSagas(named);
  const open: (() => Promise<unknown>)[] = [];
  const urls = Object.fromEntries(
    [...SERVICE_NAMES.map((name) => [name, services[name].url] as const), ...Object.entries(desks)].map(
      ([name, url]) => [`${name.toUpperCase()}_SERVICE_URL`, url],
    ),
  );
  const environment = (more: Environment): Environment => ({
    ...QUICK,
    ...urls,
    REDIS_URL: redis.url,
    ...(named !== undefined && { SAGAS: named }),
    ...more,
  });
  const journal = (sagaId: string) => running.journal().filter(({ saga_id }) => saga_id === sagaId);

  return {
    redis,
    services,
    desks,
    async coordinator(more = {}, sagas) {
      const settings = readSettings(environment(more), blueprints);
      const coordinator = await startCoordinator(
        settings,
        pino({ level: settings.logLevel }),
        sagas ?? (blueprints === undefined ? orderSagas : sagasOf(blueprints)),
      );
      let stopped: Promise<void> | undefined;
      const stop = () => {
        stopped ??= coordinator.stop();
        return stopped;
      };
      open.push(stop);
      return { ...coordinator, stop };
    },
    async process(more = {}, program) {
      const found = await startProcess(environment({ LOG_LEVEL: 'info', ...more }), program);
      open.push(() => found.end());
      return found;
    },
    calls: (sagaId) => journal(sagaId).map(({ service, kind, outcome }) => `${service} ${kind} ${outcome}`),
    journal,
    async close() {
      for (const name of SERVICE_NAMES) services[name].faults.clear();
      await Promise.all(open.map((end) => end()));
      await Promise.all([running.close(), further.close()]);
      await redis.stop();
    },
  };
}

async function startProcess(
  environment: Environment,
  { module, options = [] }: Program = { module: 'server/main.ts' },
): Promise<CoordinatorProcess> {
  const child = spawn(process.execPath, [...options, ...argumentsOf(module)], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const log: LogLine[] = [];
  const heard = new Set<() => void>();
  const logged: CoordinatorProcess['logged'] = (matches) =>
    new Promise((resolve) => {
      const look = () => {
        const line = log.find(matches);
        if (line === undefined) return;
        heard.delete(look);
        resolve(line);
      };
      heard.add(look);
      look();
    });
  const url = await new Promise<string>((resolve, reject) => {
    void exited.then(([code]) => reject(new Error(`the coordinator ended with ${code} before it was ready`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.push(JSON.parse(line) as LogLine);
      for (const look of heard) look();
    });
    void logged(({ msg }) => msg === 'ready').then(({ url }) => resolve(url as string));
  });
  return { url, pid: pidOf(child), log, logged, end: (signal = 'SIGKILL') => end(child, exited, signal) };
}

async function end(child: ChildProcess, exited: Promise<[number | null]>, signal: NodeJS.Signals) {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  return (await exited)[0];
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the coordinator could not be started');
  return pid;
}

/** An order that succeeds; tests change what they are about. */
export const ORDER = {
  customer_id: 'cust_1',
  items: [{ product_id: 'widget', quantity: 2, unit_price: 1250 }],
  currency: 'EUR',
  payment: { method: 'card', token: 'tok_visa' },
  shipping_address: { name: 'Ada', line1: '1 Main St', city: 'London', postal_code: 'N1', country: 'GB' },
};

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the wire gives.
  readonly body: any;
}

/** Sends a request, and holds the answer against the OpenAPI document. */
export async function send(
  url: string,
  {
    method = 'GET',
    body,
    headers = {},
  }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
  const response = await request(url, {
    method: method as 'GET',
    headers: { ...(text === null ? {} : { 'content-type': 'application/json' }), ...headers },
    body: text,
  });
  const answered = await response.body.text();
  const contentType = String(response.headers['content-type']);
  const status = response.statusCode;
  const parsed = /json/.test(contentType) && answered !== '' ? JSON.parse(answered) : answered;
  const wrong = await wrongIn({ method, url, status, contentType, body: parsed });
  if (wrong.length > 0) {
    throw new Error(
      `${method} ${url} answered what openapi.json does not describe:\n${wrong.join('\n')}\n${answered}`,
    );
  }
  return { status, headers: response.headers, body: parsed };
}

export function submit(
  url: string,
  order: unknown = ORDER,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(`${url}/api/coordinator/orders`, { method: 'POST', body: order, headers });
}

/** Asks until the saga has settled, also while its store is away; bounded by the test's own time-out. */
export async function settled(url: string, sagaId: string): Promise<Answer> {
  for (;;) {
    const answer = await send(`${url}/api/coordinator/sagas/${sagaId}`);
    if (answer.status !== 503 && answer.body.status !== 'STARTED') return answer;
    await others();
  }
}
