/**
 * The primary of a coordinator that runs as several processes. It holds the port, hands each connection to the next
 * worker, and starts one again that died. It runs no saga: what must survive is in the store, which the workers share.
 *
 * | what ends | what follows |
 * |---|---|
 * | a worker, before it was ready, while no other works | everything, with its exit code: the next start would fail alike |
 * | a worker, later | it is started again under its name, so that it takes its sagas back at once; with back-off |
 * | the primary, asked to | it has all workers drain, and ends after the last one |
 * | the primary, killed | the workers notice, drain and end |
 * | a worker, which the crash theatre has killed | as above, without back-off: it is kept away for as long as was asked |
 */
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { answerCast, type Cast, castOver, castWith } from '../cast.ts';
import { ConfigError, type Settings } from '../config.ts';
import { privateRedis } from '../start/private-redis.ts';
import type { ToPrimary, ToWorker } from './messages.ts';
import { onePage } from './page.ts';

const RESTART_MS = 100;
const RESTART_MAX_MS = 10_000;
/** Who lived for as long did not die of its start: the back-off begins anew. */
const STEADY_MS = 60_000;
/** Beyond its drain a worker has its connections to close. Less than whoever waits for us allows. */
const CLOSING_MS = 5_000;
/** How long a worker may take to show its metrics; a page without it is better than none. */
const SHOW_MS = 2_000;
const NAME_LENGTH_MAX = 100;

/** Runs until it is asked to end, or cannot. Answers the exit code. */
export async function runProcesses(
  settings: Settings,
  logger: Logger,
  leaving: Promise<string>,
  interruption: AbortSignal,
): Promise<number> {
  const { coordinatorId, processes, redisUrl, dataDir } = settings;
  const names = Array.from({ length: processes }, (_, index) => `${coordinatorId}.${index + 1}`);
  if (names.some(({ length }) => length > NAME_LENGTH_MAX)) {
    throw new ConfigError([
      `COORDINATOR_ID: with the number of a process behind it longer than ${NAME_LENGTH_MAX}`,
    ]);
  }
  const redis = redisUrl === null ? await privateRedis(dataDir, { signal: interruption }) : null;
  const storeUrl = redis === null ? redisUrl : `unix://${redis.socketPath}`;
  if (storeUrl === null) {
    throw new ConfigError([
      'COORDINATOR_PROCESSES: processes share their store, and memory cannot be shared; set REDIS_URL, or have ' +
        'redis-server or valkey-server on PATH',
    ]);
  }
  try {
    return await new Workers(names, settings, storeUrl, logger).run(leaving);
  } finally {
    await redis?.stop();
  }
}

/** What stands for one worker over all its lives. */
interface Place {
  readonly name: string;
  worker: Worker | null;
  isReady: boolean;
  startedAt: number;
  startedAtMs: number;
  /** How often it was killed because somebody asked for that, and for how long it is kept away this time; `null` while it was not. */
  kills: number;
  awayMs: number | null;
  /** Ends in a row, each after less than STEADY_MS. */
  deaths: number;
  restart: NodeJS.Timeout | undefined;
}

class Workers {
  readonly #places: readonly Place[];
  readonly #drainMs: number;
  readonly #storeUrl: string;
  readonly #logger: Logger;
  /** These workers, with what whoever started us may kill; `null` where faults are not switched on. */
  readonly #cast: Cast | null;
  /** All have been ready: the settings are good. */
  #isUp = false;
  #isLeaving = false;
  #exitCode = 0;
  #restarts = 0;
  #gathering: Promise<string> | null = null;
  #settle: (exitCode: number) => void = () => {};

  constructor(
    names: readonly string[],
    { drainMs, faults }: Pick<Settings, 'drainMs' | 'faults'>,
    storeUrl: string,
    logger: Logger,
  ) {
    this.#places = names.map((name) => ({
      name,
      worker: null,
      isReady: false,
      startedAt: 0,
      startedAtMs: 0,
      kills: 0,
      awayMs: null,
      deaths: 0,
      restart: undefined,
    }));
    this.#drainMs = drainMs;
    this.#storeUrl = storeUrl;
    this.#logger = logger;
    this.#cast = faults ? castWith(this.#own(), castOver()) : null;
  }

  #own(): Cast {
    return {
      members: async () =>
        this.#places.map(({ name, worker, isReady, startedAtMs, kills }) => {
          const pid = worker?.process.pid ?? null;
          return { kind: 'coordinator', name, pid, isUp: isReady, startedAtMs, kills };
        }),
      kill: async ({ kind, name }, awayMs) => {
        const place = this.#places.find((one) => kind === 'coordinator' && one.name === name);
        if (!place?.isReady || place.worker === null || place.awayMs !== null || this.#isLeaving)
          return false;
        place.kills += 1;
        place.awayMs = awayMs;
        return place.worker.process.kill('SIGKILL');
      },
    };
  }

  run(leaving: Promise<string>): Promise<number> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      void leaving.then((why) => {
        this.#logger.info({ signal: why }, 'draining');
        this.#leave(0);
      });
      // The first one shows whether a start succeeds: what is to be mended is then said once.
      const [first] = this.#places;
      if (first !== undefined) this.#start(first);
    });
  }

  #start(place: Place): void {
    if (this.#isLeaving || place.worker !== null) return;
    clearTimeout(place.restart);
    const worker = cluster.fork({ COORDINATOR_ID: place.name, REDIS_URL: this.#storeUrl });
    place.worker = worker;
    place.startedAt = performance.now();
    place.startedAtMs = Date.now();
    worker.on('message', (message: ToPrimary) => this.#hear(place, worker, message));
    worker.once('exit', (code, signal) => this.#ended(place, code, signal));
    worker.on('error', (error) =>
      this.#logger.error({ process: place.name, error: error.message }, 'process'),
    );
  }

  #hear(place: Place, worker: Worker, message: ToPrimary): void {
    if (message.type === 'ready') this.#ready(place, message.url);
    else if (message.type === 'gather') {
      const { id } = message;
      this.#gathering ??= this.#gather().finally(() => {
        this.#gathering = null;
      });
      void this.#gathering.then((text) => tell(worker, { type: 'gathered', id, text }));
    } else if (this.#cast !== null) answerCast(this.#cast, message, (answer) => tell(worker, answer));
  }

  #ready(place: Place, url: string): void {
    place.isReady = true;
    if (this.#isUp || this.#isLeaving) return;
    for (const other of this.#places) this.#start(other);
    if (!this.#places.every(({ isReady }) => isReady)) return;
    this.#isUp = true;
    this.#logger.info({ url, pid: process.pid, processes: this.#places.length }, 'ready');
    process.send?.({ type: 'ready' });
  }

  #ended(place: Place, code: number | null, signal: string | null): void {
    const { name, isReady } = place;
    place.worker = null;
    place.isReady = false;
    if (this.#isLeaving) {
      if (code !== 0 && this.#exitCode === 0) this.#exitCode = code ?? 1;
      this.#settleAfterLast();
      return;
    }
    const how = signal ?? `code ${code}`;
    const othersWork = this.#isUp && this.#places.some((other) => other.isReady);
    if (!isReady && !othersWork) {
      this.#logger.error({ process: name, ended: how }, 'a process ended before it was ready');
      this.#leave(code || 1);
      return;
    }
    const restartMs = place.awayMs === null ? backOff(place) : Math.max(RESTART_MS, place.awayMs);
    place.awayMs = null;
    this.#logger.error(
      { process: name, ended: how, restart_ms: restartMs },
      'a process died: it is started again',
    );
    this.#restarts += 1;
    place.restart = setTimeout(() => this.#start(place), restartMs);
  }

  #leave(exitCode: number): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#exitCode = exitCode;
    for (const { worker, restart } of this.#places) {
      clearTimeout(restart);
      if (worker !== null) tell(worker, { type: 'drain' });
    }
    setTimeout(() => this.#kill(), this.#drainMs + CLOSING_MS).unref();
    // Who ends us now, before the last worker has ended, is out of patience.
    process.once('exit', () => this.#kill());
    this.#settleAfterLast();
  }

  #kill(): void {
    for (const { worker } of this.#places) worker?.process.kill('SIGKILL');
  }

  #settleAfterLast(): void {
    if (this.#places.some(({ worker }) => worker !== null)) return;
    this.#logger.info('stopped');
    this.#settle(this.#exitCode);
  }

  async #gather(): Promise<string> {
    const workers = this.#places.flatMap(({ worker, isReady }) =>
      worker !== null && isReady ? [worker] : [],
    );
    const pages = (await Promise.all(workers.map(shown))).filter((page) => page !== null);
    return onePage([...pages, this.#ownPage(pages.length)]);
  }

  #ownPage(shown: number): string {
    return [
      '# HELP saga_processes Processes of this coordinator whose numbers are on this page.',
      '# TYPE saga_processes gauge',
      `saga_processes ${shown}`,
      '# HELP saga_process_restarts_total Processes of this coordinator that died and were started again.',
      '# TYPE saga_process_restarts_total counter',
      `saga_process_restarts_total ${this.#restarts}`,
    ].join('\n');
  }
}

/** Before one is started again that died by itself. */
function backOff(place: Place): number {
  place.deaths = performance.now() - place.startedAt < STEADY_MS ? place.deaths + 1 : 1;
  return Math.min(RESTART_MS * 2 ** (place.deaths - 1), RESTART_MAX_MS);
}

/** One gathering is under way at a time, and a late answer is as true: none needs a number. `null` where none came. */
function shown(worker: Worker): Promise<string | null> {
  return new Promise((resolve) => {
    const settle = (text: string | null) => {
      clearTimeout(late);
      worker.off('message', hear);
      worker.off('disconnect', gone);
      resolve(text);
    };
    const hear = (message: ToPrimary) => {
      if (message.type === 'page') settle(message.text);
    };
    const gone = () => settle(null);
    const late = setTimeout(gone, SHOW_MS);
    worker.on('message', hear);
    worker.once('disconnect', gone);
    tell(worker, { type: 'show' });
  });
}

/** Nobody is told who is about to go. */
function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => {});
}
