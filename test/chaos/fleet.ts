/** Coordinators as processes, each with a wire of its own to Redis, that are killed, paused and started again. */
import type { CoordinatorProcess, Environment, World } from '../coordinator/world.ts';
import { type FaultProxy, openProxy } from './proxy.ts';

export interface Member {
  readonly name: string;
  /** Between this coordinator and Redis. */
  readonly wire: FaultProxy;
  /** Starts that ended before it was ready, since Redis went away in the middle. */
  readonly startsFailed: number;
  /** Where it answers, or last answered. */
  readonly url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  pause(): void;
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

export async function openFleet(
  world: World,
  names: readonly string[],
  environment: Environment,
): Promise<Member[]> {
  return Promise.all(names.map((name) => join(world, name, environment)));
}

async function join(world: World, name: string, environment: Environment): Promise<Member> {
  const wire = await openProxy(world.redis.port, { worthLosing: A_WRITE });
  const lives: CoordinatorProcess[] = [];
  const launch = async () => {
    lives.push(
      await world.process({
        ...environment,
        COORDINATOR_ID: name,
        REDIS_URL: `redis://127.0.0.1:${wire.port}`,
      }),
    );
  };
  await launch();
  // A paused process outlives everything that merely waits for its end.
  process.once('exit', () => {
    if (isAlive(current().pid)) process.kill(current().pid, 'SIGKILL');
  });
  const current = () => lives.at(-1) as CoordinatorProcess;
  let isUp = true;
  let startsFailed = 0;

  return {
    name,
    wire,
    get startsFailed() {
      return startsFailed;
    },
    get url() {
      return current().url;
    },
    async kill() {
      isUp = false;
      await current().end('SIGKILL');
    },
    async start() {
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
    },
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
