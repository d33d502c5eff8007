/** How much memory a Redis has left. */
import type { StoreMemory } from '../saga-store.ts';
import type { Client } from './client.ts';
import { together } from './faults.ts';
import { mastersOf } from './masters.ts';

/** Of the server of a Cluster that is nearest to its bound: it refuses first. */
export async function memoryOf(client: Client): Promise<StoreMemory> {
  // Whoever asks for health does not wait for a master that is away.
  const servers = await mastersOf(client, 1);
  const found = await together(servers.map(async (server) => memoryIn(await server.info('memory'))));
  return found.reduce((fullest, one) => (shareOf(one) > shareOf(fullest) ? one : fullest));
}

/** Buffers for replicas and for the append-only file do not count against the bound. */
function memoryIn(info: string): StoreMemory {
  const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const maxBytes = number('maxmemory');
  return {
    usedBytes: Math.max(0, number('used_memory') - number('mem_not_counted_for_evict')),
    maxBytes: maxBytes === 0 ? null : maxBytes,
  };
}

function shareOf({ usedBytes, maxBytes }: StoreMemory): number {
  return maxBytes === null ? 0 : usedBytes / maxBytes;
}
