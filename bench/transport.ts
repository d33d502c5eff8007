/** How the clients of a Redis reach it, as it tells itself: over a unix socket a call costs less than over TCP. */
import { Redis } from 'ioredis';
import type { Contender } from './processes.ts';

/** Of each contender on a Redis, by its name; asked while its clients are connected. */
export async function transportsOf(contenders: readonly Contender[]): Promise<Map<string, string>> {
  const transports = new Map<string, string>();
  for (const { name, store } of contenders) {
    if (store?.socketPath === undefined) continue;
    const redis = new Redis(store.socketPath);
    const own = await redis.client('ID');
    transports.set(name, transportIn(String(await redis.client('LIST')), own));
    redis.disconnect();
  }
  return transports;
}

/**
 * @param list what CLIENT LIST answered: a line for each client, with `U` among its flags over a unix socket
 * @param own the id of whoever asked
 */
export function transportIn(list: string, own: number): string {
  const others = list.split('\n').filter((line) => line !== '' && !line.startsWith(`id=${own} `));
  const kinds = new Set(others.map((line) => (/ flags=\w*U/.test(line) ? 'unix socket' : 'TCP')));
  return [...kinds].sort().join(' and ') || 'nothing';
}

/** @param transports by the name of the contender */
export function transportsLine(transports: ReadonlyMap<string, string>): string {
  const parts = [...new Set(transports.values())].map((transport) => {
    const names = [...transports].filter(([, own]) => own === transport).map(([name]) => name);
    return `Redis over ${transport}: ${names.join('; ')}.`;
  });
  return parts.join(' ');
}
