/** A supervisor on free ports and in a folder of its own, with every process that comes up because of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askRedis } from '../../server/start/redis-socket.ts';
import { programOf } from '../programs.ts';
import { beside, freePorts, gone, isAlive, Run } from './processes.ts';

const NAMES = ['ORDER', 'INVENTORY', 'PAYMENT', 'SHIPPING', 'NOTIFICATION'] as const;
export const SERVICES_ENTRY = programOf(beside('../../services-stub/main.ts'));

export interface Place {
  readonly folder: string;
  readonly redisSocket: string;
  readonly url: string;
  /** Of order, inventory, payment, shipping, notification. */
  readonly servicePorts: readonly number[];
  readonly env: Readonly<Record<string, string>>;
  /** Runs a module that is ended, however the test ends. */
  run(module: string, args?: readonly string[], env?: NodeJS.ProcessEnv): Run;
  /** The supervisor over the fake coordinator. */
  supervise(env?: NodeJS.ProcessEnv, sameWishMs?: number): Run;
  /** Ends it and everything that it started, or that a crash of it left. */
  clear(): Promise<void>;
}

export async function place(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'start-'));
  const redisSocket = join(folder, 'redis', 'redis.sock');
  const [port = 0, ...servicePorts] = await freePorts(1 + NAMES.length);
  const env = {
    COORDINATOR_PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: folder,
    REDIS_URL: '',
    ...Object.fromEntries(NAMES.map((name, index) => [`${name}_PORT`, String(servicePorts[index])])),
    ...Object.fromEntries(NAMES.map((name) => [`${name}_SERVICE_URL`, ''])),
  };
  const runs: Run[] = [];
  const run: Place['run'] = (module, args = [], more = {}) => {
    const started = new Run(module, args, { env: { ...process.env, ...env, ...more } });
    runs.push(started);
    return started;
  };
  return {
    folder,
    redisSocket,
    url: `http://127.0.0.1:${port}`,
    servicePorts,
    env,
    run,
    supervise: (more, sameWishMs = 0) => {
      const args = [SERVICES_ENTRY, programOf(beside('./fake-coordinator.ts')), String(sameWishMs)];
      return run(beside('./run-supervisor.ts'), args, more);
    },
    async clear() {
      for (const each of runs) await each.finish();
      const redis = await askRedis(redisSocket);
      if (redis.state === 'ready' && isAlive(redis.pid)) {
        process.kill(redis.pid, 'SIGKILL');
        await gone(redis.pid);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function redisPid(socket: string): Promise<number> {
  const answer = await askRedis(socket);
  if (answer.state !== 'ready') throw new Error(`no Redis answers at ${socket}: it is ${answer.state}`);
  return answer.pid;
}
