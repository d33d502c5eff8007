import type { connect } from '../../stores/redis/connect.ts';

/** Commands that a Redis has carried out so far, those inside of scripts with them. */
export async function commandsOf(redis: ReturnType<typeof connect>): Promise<number> {
  const stats = await redis.info('commandstats');
  const counts = [...stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].filter(([, name]) => name !== 'info');
  return counts.reduce((sum, [, , calls]) => sum + Number(calls), 0);
}
