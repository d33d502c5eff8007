/** What befalls a master that sentinels watch: a replica takes its place, or it has not the replicas that it wants. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Sentinels, WAYS } from '../redis/sentinel.ts';
import { OUTAGE_MS } from './mishaps.ts';
import { refusing } from './store-mishaps.ts';
import type { Mishap, Scene } from './storm.ts';

export function ofSentinels(sentinels: Sentinels): readonly Mishap[] {
  const onServers = (name: string, strike: (scene: Scene) => Promise<number>): Mishap => ({
    name,
    victims: (scene) => [{ names: ['Redis'], strike: () => strike(scene) }],
  });
  return [
    ...Object.entries(WAYS).map(([how, replace]) =>
      onServers(`replica promoted, its master ${how}`, async () => {
        await replace(sentinels);
        await sentinels.mend();
        return 1;
      }),
    ),
    onServers('master out of memory', async (scene) => {
      const { admin } = await sentinels.master();
      const hits = await refusing(admin, ['OOM'], scene, () => admin.config('SET', 'maxmemory', '1'));
      await admin.config('SET', 'maxmemory', '0');
      return hits;
    }),
    onServers('replica paused (SIGSTOP, SIGCONT)', async ({ dice }) => {
      const master = await sentinels.master();
      const { pid } = dice.pick(sentinels.servers.filter((one) => one !== master)).server;
      process.kill(pid, 'SIGSTOP');
      await pause(dice.whole(OUTAGE_MS.least, OUTAGE_MS.most));
      process.kill(pid, 'SIGCONT');
      await sentinels.replicated();
      return 1;
    }),
  ];
}
