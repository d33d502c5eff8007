/** Which keys sealed what a store keeps: asked of Redis itself, because a coordinator reads one record at a time. */
import { StoreUnavailableError } from '../saga-store.ts';
import type { Client } from './client.ts';
import { connect } from './connect.ts';
import { asking } from './faults.ts';
import { assertPrefix } from './keys.ts';
import { mastersOf } from './masters.ts';
import { connected } from './opening.ts';

export interface KeyUse {
  /** Id of the key. */
  readonly key: string;
  /** Sagas of which something can be read, or found, by this key alone. */
  readonly sagas: number;
  /** Those of them that have not ended. */
  readonly unfinished: number;
}

export type KeysUsed =
  | { readonly kind: 'counted'; readonly keys: readonly KeyUse[] }
  | { readonly kind: 'unavailable'; readonly why: string };

const SCAN_COUNT = 500;
/** A whole snapshot, or what stands beside what was emptied. */
const SEALED = /(?:^|"sealed":(?:\{"label":)?")s1\.([\w-]{1,32})\./g;
/** Of the record of an idempotency key: saga, and a keyed digest. */
const KEYED = /^(\S+) ([\w-]{1,32})\.[\w-]{43}$/;

/** @throws RangeError where URL or prefix cannot be read */
export async function sealingKeysOf(url: string, prefix: string): Promise<KeysUsed> {
  assertPrefix(prefix);
  const redis = connect(url);
  try {
    await connected(redis);
    return { kind: 'counted', keys: await count(redis, prefix) };
  } catch (error) {
    if (error instanceof StoreUnavailableError) return { kind: 'unavailable', why: error.message };
    throw error;
  } finally {
    redis.disconnect();
  }
}

async function count(redis: Client, prefix: string): Promise<KeyUse[]> {
  const uses = new Map<string, Set<string>>();
  const unfinished = new Set<string>();
  const note = (key: string, saga: string) => uses.set(key, (uses.get(key) ?? new Set()).add(saga));
  const look = async (name: string) => {
    const [kind, id = ''] = partsOf(name, prefix) ?? [];
    if (kind === 'key') {
      const [, saga, key] = KEYED.exec((await redis.get(name)) ?? '') ?? [];
      if (saga !== undefined && key !== undefined) note(key, saga);
    } else if (kind !== undefined) {
      const texts = kind === 'log' ? await redis.lrange(name, 0, -1) : await recordOf(name);
      for (const text of texts) for (const [, key = ''] of text.matchAll(SEALED)) note(key, id);
    }
  };
  const recordOf = async (name: string) => {
    const fields = ['snapshot', 'summary', 'parked', 'signals', 'status'];
    const texts = (await redis.hmget(name, ...fields)).map((text) => text ?? '');
    const status = texts.pop();
    if (status !== 'COMPLETED' && status !== 'FAILED') unfinished.add(partsOf(name, prefix)?.[1] ?? '');
    return texts;
  };
  for (const server of await mastersOf(redis)) {
    for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
      const [next, names] = await asking(server.scan(cursor, 'COUNT', SCAN_COUNT));
      await asking(Promise.all(names.map(look)));
      cursor = next;
    }
  }
  return [...uses]
    .map(([key, sagas]) => ({
      key,
      sagas: sagas.size,
      unfinished: [...sagas].filter((id) => unfinished.has(id)).length,
    }))
    .sort((a, b) => b.sagas - a.sagas);
}

/** Kind and id of what a key holds: of the two forms of a tag, and of this prefix alone. */
function partsOf(name: string, prefix: string): readonly [kind: string, id: string] | null {
  const isOurs = name.startsWith(`{${prefix}p`) || name.startsWith(`${prefix}{p`);
  const [, kind, id] = (isOurs && /^[^}]*\}:(saga|log|key):(.+)$/.exec(name)) || [];
  return kind === undefined || id === undefined ? null : [kind, id];
}
