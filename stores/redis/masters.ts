/** The servers that hold a store: what is asked of one of them, or moved from it, is asked of all. */
import { setTimeout } from 'node:timers/promises';
import { Cluster, type Redis } from 'ioredis';
import { StoreUnavailableError } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking } from './faults.ts';

const PAUSE_MS = 100;
/** Together ten seconds. */
const TRIES = 100;

/**
 * The one server; of a Cluster every master, once ioredis has them all: right after it has connected it may have one, and close
 * that again. A master that is passed over would be one of which nothing is known, and whose keys stay behind.
 * @param tries how often it looks, a tenth of a second apart
 * @throws StoreUnavailableError that names the masters to which there is no connection
 */
export async function mastersOf(client: Client, tries = TRIES): Promise<readonly Redis[]> {
  if (!(client instanceof Cluster)) return [client];
  for (let left = tries - 1; ; left -= 1) {
    try {
      return await all(client);
    } catch (error) {
      if (left <= 0 || !(error instanceof StoreUnavailableError)) throw error;
    }
    await setTimeout(PAUSE_MS);
  }
}

async function all(cluster: Cluster): Promise<readonly Redis[]> {
  const slots = await asking(cluster.cluster('SLOTS'));
  const named = new Map(slots.map(([, , master]) => [master?.[2] ?? '', `${master?.[0]}:${master?.[1]}`]));
  const nodes = cluster.nodes('master').filter(({ status }) => status !== 'end');
  if (nodes.length >= named.size) return nodes;
  const ports = new Set(nodes.map(({ options: { port } }) => port));
  const away = [...named.values()].filter((address) => !ports.has(Number(address.split(':').at(-1))));
  const words = `The Cluster has ${named.size} masters, and there is no connection to ${named.size - nodes.length} of them`;
  throw new StoreUnavailableError(away.length === 0 ? words : `${words} (${away.join(', ')})`, true);
}
