/** What a coordinator and its Redis hold: read from outside, by the inspector of Node and by INFO. */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Heap, heapOf } from '../../bench/heap.ts';
import type { Member } from '../chaos/fleet.ts';

export interface Reading {
  readonly atMs: number;
  /** Bytes, once all garbage was collected. */
  readonly heap: number;
  readonly outside: number;
  readonly rss: number;
  /** Open files, sockets among them; NaN where the system does not show them. */
  readonly handles: number;
  readonly sockets: number;
  readonly held: number;
  /** Bytes of Redis's keys for each saga that it holds; without the events, which are capped. */
  readonly perSaga: number;
  /** Keys beside those that each saga has. */
  readonly otherKeys: number;
  /** Bytes in use by all of Redis. */
  readonly redis: number;
}

export class Readings {
  readonly #member: Member;
  readonly #redisUrl: string;
  readonly #heap: Heap;

  private constructor(member: Member, redisUrl: string, heap: Heap) {
    this.#member = member;
    this.#redisUrl = redisUrl;
    this.#heap = heap;
  }

  static async begin(member: Member, redisUrl: string): Promise<Readings> {
    return new Readings(member, redisUrl, await heapOf(member.inspector));
  }

  /** `null` where the coordinator stands, or Redis is away: there is another time. */
  async take(atMs: number): Promise<Reading | null> {
    try {
      const { heap, outside, rss } = await this.#heap.used();
      const { handles, sockets } = openFilesOf(this.#member.pid);
      const ofRedis = await Promise.race([readRedis(this.#redisUrl), late()]);
      return { atMs, heap, outside, rss, handles, sockets, ...ofRedis };
    } catch {
      return null;
    }
  }

  close(): void {
    this.#heap.close();
  }
}

const READ_MS_MAX = 20_000;

function late(): Promise<never> {
  return pause(READ_MS_MAX, undefined, { ref: false }).then(() => {
    throw new Error('Redis is away');
  });
}

/** By a connection of its own, since one that lives through outages may wait for an answer for ever. */
async function readRedis(url: string) {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return { ...(await keysOf(redis)), redis: await usedBy(redis) };
  } finally {
    redis.disconnect();
  }
}

function openFilesOf(pid: number): Pick<Reading, 'handles' | 'sockets'> {
  try {
    const files = readdirSync(`/proc/${pid}/fd`);
    const leads = files.map((file) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${file}`);
      } catch {
        return '';
      }
    });
    return { handles: files.length, sockets: leads.filter((to) => to.startsWith('socket:')).length };
  } catch {
    return { handles: Number.NaN, sockets: Number.NaN };
  }
}

/** Key by key, and not by what Redis has of the machine: that jumps with each restart, and with each client's buffers. */
async function keysOf(redis: Redis) {
  let [held, bytes, otherKeys] = [0, 0, 0];
  for await (const batch of redis.scanStream({ count: 1000 })) {
    const keys = batch as string[];
    const asked = redis.pipeline();
    for (const key of keys) asked.memory('USAGE', key, 'SAMPLES', 0);
    const answers = (await asked.exec()) ?? [];
    keys.forEach((key, at) => {
      if (/}:saga:/.test(key)) held += 1;
      if (!/}:(saga|log|key):/.test(key)) otherKeys += 1;
      // Events and the history are capped.
      if (!/}:(events|history)$/.test(key)) bytes += Number(answers[at]?.[1] ?? 0);
    });
  }
  return { held, perSaga: bytes / held, otherKeys };
}

async function usedBy(redis: Redis): Promise<number> {
  const info = await redis.info('memory');
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}
