/** What is asked of a Redis before sagas are entrusted to it. */
import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { StoreRefusedError, StoreUnavailableError } from '../saga-store.ts';
import { inWords, isLasting } from './causes.ts';
import type { Client } from './client.ts';
import { reasonOf } from './client-errors.ts';
import { partitionKeys, rootKey } from './keys.ts';
import { decodeLayout, encodeLayout, isMovingFrom, type Layout, newLayout } from './layout.ts';

const CONNECT_MAX_MS = 10_000;

/**
 * Waits until the client is connected; a client that is connecting by itself is left to do so.
 * @throws StoreUnavailableError with the cause in words; StoreRefusedError where time alone does not mend it
 */
export async function connected(client: Client): Promise<void> {
  if (client.status === 'wait' || client.status === 'end') await reached(client);
  const { db } = client instanceof Cluster ? {} : client.options;
  // ioredis goes on in database 0 where its own SELECT was refused, unless it is one of connect.ts.
  if (db && client instanceof Redis) await client.select(db).catch((error: Error) => refuse(error));
}

async function reached(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let failed = (_: Error) => {};
  // A Cluster that names unreachable nodes would let us wait for ever, and so would sentinels that nobody answers.
  const late = new Promise<never>((_, reject) => {
    failed = reject;
    timer = setTimeout(() => reject(new Error(`no connection within ${CONNECT_MAX_MS} ms`)), CONNECT_MAX_MS);
  });
  let ready = () => {};
  // A Cluster whose first node does not serve is left and connected to anew, of which `connect` learns nothing.
  const atLast = new Promise<void>((resolve) => {
    ready = resolve;
  });
  client.on('error', failed);
  client.on('ready', ready);
  try {
    await Promise.race([client.connect(), atLast, late]);
  } catch (error) {
    refuse(reasonOf(client) ?? (error as Error));
  } finally {
    client.off('error', failed);
    client.off('ready', ready);
    clearTimeout(timer);
  }
}

function refuse(error: Error): never {
  const words = `Redis cannot be reached: ${inWords(error)}`;
  if (isLasting(error)) throw new StoreRefusedError(words, { cause: error });
  throw new StoreUnavailableError(words, true, { cause: error });
}

/**
 * Finds the layout of the store, or begins it, and marks every partition with it and the store's id; refuses where a mark
 * disagrees: with another layout every saga would be looked for in the wrong place.
 * @param wanted number of partitions; `null` leaves it to the store
 */
export async function agreeOnLayout(
  client: Client,
  prefix: string,
  wanted: number | null,
): Promise<{ readonly layout: Layout; readonly id: string }> {
  const root = rootKey(prefix);
  // This mark decides, so that two coordinators that open an empty Redis at once agree.
  const found = await mark(client, root, encodeLayout(newLayout(client, wanted)), randomUUID());
  if (isMovingFrom(found.layout) !== null) {
    throw new StoreRefusedError(
      `This Redis holds a store that is being moved to other partitions (${root}: ${found.layout}). No coordinator may use it ` +
        'before that has ended: go on with it by `saga store repartition`.',
    );
  }
  const layout = decodeLayout(found.layout);
  if (layout === null || (wanted !== null && layout.partitions !== wanted)) {
    throw new StoreRefusedError(
      `This Redis holds a store of ${found.layout} partitions (${root}), and it was opened with ${wanted ?? 'none that is known here'}. ` +
        'The number does not change by itself: leave PARTITIONS unset, which follows the store, or use another key prefix ' +
        '(REDIS_PREFIX). `saga store repartition` moves a store to partitions that spread evenly over a Cluster.',
    );
  }
  await markAll(client, prefix, layout, found.store);
  return { layout, id: found.store };
}

/** @throws StoreRefusedError where a partition has the mark of another store or layout */
export async function markAll(client: Client, prefix: string, layout: Layout, store: string): Promise<void> {
  const root = rootKey(prefix);
  const text = encodeLayout({ ...layout, before: null });
  const metas = Array.from(
    { length: layout.partitions },
    (_, partition) => partitionKeys(prefix, partition, layout.isSpread).meta,
  );
  await Promise.all(
    metas.map(async (meta) => {
      const found = meta === root ? { store, layout: text } : await mark(client, meta, text, store);
      if (found.store === store && found.layout === text) return;
      const belongs = `${meta} belongs to store ${found.store} of ${found.layout} partitions`;
      throw new StoreRefusedError(
        `${belongs} and ${root} to store ${store} of ${text}: a part of this Redis was restored from elsewhere. ` +
          'Restore all of it from one backup.',
      );
    }),
  );
}

/** Marks a partition where it has no mark yet, and answers the mark that stands there. */
async function mark(
  client: Client,
  meta: string,
  layout: string,
  store: string,
): Promise<{ readonly layout: string; readonly store: string }> {
  let found: Record<string, string>;
  try {
    found = await client.hgetall(meta);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('MOVED '))) throw error;
    throw new StoreRefusedError(
      'This Redis is one node of a Cluster, and was opened as one server: use redis+cluster:// in its URL.',
      { cause: error },
    );
  }
  // Written only where it is missing: a Redis that refuses writes, because it is full, can be opened all the same.
  if (found.partitions === undefined || found.store === undefined) {
    await client.hsetnx(meta, 'partitions', layout);
    await client.hsetnx(meta, 'store', store);
    found = await client.hgetall(meta);
  }
  return { layout: found.partitions ?? '', store: found.store ?? '' };
}
