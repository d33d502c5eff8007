/** Coordinators as processes, each with a wire of its own to Redis, that are killed, paused and started again. */
import type { CoordinatorProcess, Environment, Program, World } from '../coordinator/world.ts';
import type { Pretence } from './pretence.ts';
import { type FaultProxy, openProxy } from './proxy.ts';

export interface Member {
  readonly name: string;
  /** Between this coordinator and Redis; `null` where Redis tells its clients where else to connect. */
  readonly wire: FaultProxy | null;
  /** Starts that ended before it was ready, since Redis went away in the middle. */
  readonly startsFailed: number;
  /** Where it answers, or last answered. */
  readonly url: string;
  /** WebSocket of Node's inspector, where that was asked for. */
  readonly inspector: string;
  readonly pid: number;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Drains it as a deployment does, and starts it as what it is to pretend from now on. */
  replace(pretence: Pretence): Promise<void>;
  pause(): void;
  /** Has it read its clocks again. */
  wind(): void;
  resume(): void;
  /** Log lines of all its lives. */
  log(): readonly Readonly<Record<string, unknown>>[];
  /** Whether a life ended that nobody has ended. */
  isGone(): boolean;
  /** Starts one that is gone, so that what it left behind can still be looked at. */
  restartAfterFailure(): Promise<void>;
}

/** Only a lost answer to a write can make a coordinator doubt what it has done. */
const A_WRITE = /\r\nevalsha?\r\n/i;

const STARTS_MAX = 20;

export interface FleetOptions {
  readonly names: readonly string[];
  readonly environment: Environment;
  /** Where their store is, where that is not the one Redis of the world, to which each gets a wire of its own. */
  readonly storeUrl?: string | undefined;
  /** What each pretends at first. */
  readonly pretence?: Pretence;
  /** Those of which the heap is to be read. */
  readonly inspected?: readonly string[];
}

export async function openFleet(world: World, options: FleetOptions): Promise<Member[]> {
  return Promise.all(options.names.map((name) => join(world, name, options)));
}

async function join(
  world: World,
  name: string,
  { environment, storeUrl, pretence = {}, inspected = [] }: FleetOptions,
): Promise<Member> {
  const wire = storeUrl === undefined ? await openProxy(world.redis.port, { worthLosing: A_WRITE }) : null;
  const lives: CoordinatorProcess[] = [];
  let pretends: Pretence = { ...pretence, name };
  const program: Program = {
    module: 'test/chaos/coordinator.ts',
    // The inspector would say on our own output where it listens.
    options: inspected.includes(name) ? ['--inspect=127.0.0.1:0', '--inspect-publish-uid=http'] : [],
  };
  const launch = async () => {
    const own = {
      COORDINATOR_ID: name,
      REDIS_URL: storeUrl ?? `redis://127.0.0.1:${wire?.port}`,
      AT_LENGTH: JSON.stringify(pretends),
    };
    lives.push(await world.process({ ...environment, ...own }, program));
  };
  await launch();
  // A paused process outlives everything that merely waits for its end.
  process.once('exit', () => {
    if (isAlive(current().pid)) process.kill(current().pid, 'SIGKILL');
  });
  const current = () => lives.at(-1) as CoordinatorProcess;
  let isUp = true;
  let startsFailed = 0;
  const start = async () => {
    // One that meets an outage while it boots ends and says why; whoever supervises it tries again, as here.
    for (let attempt = 1; !isUp; attempt += 1) {
      try {
        await launch();
        isUp = true;
      } catch (error) {
        if (attempt === STARTS_MAX) throw error;
        startsFailed += 1;
      }
    }
  };

  return {
    name,
    wire,
    get startsFailed() {
      return startsFailed;
    },
    get url() {
      return current().url;
    },
    get inspector() {
      return String(current().log.find(({ msg }) => msg === 'ready')?.inspector);
    },
    get pid() {
      return current().pid;
    },
    async kill() {
      isUp = false;
      await current().end('SIGKILL');
    },
    start,
    async replace(next) {
      isUp = false;
      await current().end('SIGTERM');
      pretends = { ...next, name };
      await start();
    },
    wind: () => void process.kill(current().pid, 'SIGUSR2'),
    pause: () => void process.kill(current().pid, 'SIGSTOP'),
    resume: () => void process.kill(current().pid, 'SIGCONT'),
    log: () => lives.flatMap((life) => life.log),
    isGone: () => isUp && !isAlive(current().pid),
    restartAfterFailure: launch,
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
