/** What befalls the one Redis of a fleet, which keeps its data all the while. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { until } from '../redis/until.ts';
import { limitFiles, WEATHER } from '../redis/weather.ts';
import type { RedisServer } from '../redis-server.ts';
import { DOWN_MS, OUTAGE_MS } from './mishaps.ts';
import type { Mishap, Scene } from './storm.ts';

/** What the fleet's requests are refused with; nothing, where none is answered. */
const REFUSALS: Readonly<Record<string, readonly string[] | null>> = {
  // Nobody can ask how often, either.
  'busy with a script of somebody else': null,
  'out of memory': ['OOM'],
  'a replica all at once': ['READONLY'],
  'short of replicas that it was told to have': ['NOREPLICAS'],
  'loading its data': ['LOADING'],
  'on a full disk, fsync everysec': ['MISCONF'],
  frozen: null,
};

/** Commands without which an order cannot go on. */
const TAKEN_AWAY = ['evalsha', 'hset', 'rpush', 'xadd', 'zadd', 'zrem'] as const;

/** Inside a script Redis words it otherwise. */
export const BY_ACL = ['NOPERM', 'ERR'] as const;

const onStore = (name: string, strike: (scene: Scene) => Promise<number>): Mishap => ({
  name: `Redis ${name}`,
  victims: (scene) => [{ names: ['Redis'], strike: () => strike(scene) }],
});

/**
 * Lasts its time, and longer where nobody was refused anything.
 * @param refusals what such a refusal begins with
 * @param admin is asked how often that was, and so must not be refused itself
 */
export async function refusing(
  admin: Redis,
  refusals: readonly string[],
  { dice }: Pick<Scene, 'dice'>,
  begin: () => Promise<unknown>,
): Promise<number> {
  const count = async () => {
    const stats = await admin.info('errorstats').catch(() => '');
    return [...stats.matchAll(/^errorstat_(\w+):count=(\d+)/gm)]
      .filter(([, name]) => refusals.includes(name ?? ''))
      .reduce((sum, [, , times]) => sum + Number(times), 0);
  };
  await begin();
  const before = await count();
  const beganAt = performance.now();
  await pause(dice.whole(OUTAGE_MS.least, OUTAGE_MS.most));
  while ((await count()) === before && performance.now() - beganAt < OUTAGE_MS.mostUntilHit) await pause(20);
  return Math.min(1, (await count()) - before);
}

export function ofRedis(server: RedisServer, admin: Redis): readonly Mishap[] {
  const restart = async (scene: Scene) => {
    await pause(scene.dice.whole(DOWN_MS.least, DOWN_MS.most));
    await server.restart();
    // What is asked of a client that is still connecting may be answered by what befalls Redis next.
    await until(async () => (await admin.ping()) === 'PONG');
  };
  return [
    onStore('killed (SIGKILL) and restarted', async (scene) => {
      await server.kill();
      await restart(scene);
      return 1;
    }),
    onStore('ended by a full disk, fsync always', async (scene) => {
      const { pid } = server;
      await limitFiles(server, '1');
      // Whatever is written next ends it; where nobody writes, this does.
      for (let asked = 0; isAlive(pid); asked += 1) {
        if (asked === 20) void admin.set('filled', '').catch(() => {});
        await pause(50);
      }
      await restart(scene);
      return 1;
    }),
    onStore('takes a command away (ACL)', async (scene) => {
      const command = scene.dice.pick(TAKEN_AWAY);
      try {
        return await refusing(admin, BY_ACL, scene, () => admin.acl('SETUSER', 'default', `-${command}`));
      } finally {
        await admin.acl('SETUSER', 'default', `+${command}`);
      }
    }),
    ...WEATHER.flatMap((weather) => {
      const refusal = REFUSALS[weather.name];
      if (refusal === undefined) return [];
      return onStore(weather.name, async (scene) => {
        let end = async () => {};
        const begin = async () => {
          end = await weather.begin(server, admin);
        };
        try {
          if (refusal !== null) return await refusing(admin, refusal, scene, begin);
          await begin();
          await pause(scene.dice.whole(OUTAGE_MS.least, OUTAGE_MS.most));
          return 1;
        } finally {
          await end();
        }
      });
    }),
  ];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
