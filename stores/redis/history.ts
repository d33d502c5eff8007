/** The history in Redis: one hash, of which each field is a minute as text. */
import {
  assertMinutes,
  type History,
  type Minute,
  minutesBetween,
  placeOf,
  type SeriesCounts,
} from '../history.ts';
import type { Client } from './client.ts';
import { asking, orDamaged } from './faults.ts';
import { run } from './scripts.ts';

export class RedisHistory implements History {
  readonly #redis: Client;
  readonly #key: string;

  constructor(redis: Client, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  async add(minutes: readonly Minute[]): Promise<number | null> {
    assertMinutes(minutes);
    if (minutes.length === 0) return null;
    const args = minutes.flatMap(({ minute, counts, standing }) => [
      String(placeOf(minute)),
      String(minute),
      standing === undefined ? '' : String(standing.atMs),
      encodeCounts(standing?.counts ?? {}),
      encodeCounts(counts),
    ]);
    const [newest] = await run(this.#redis, 'history', [this.#key], args);
    return typeof newest === 'string' && /^\d{1,15}$/.test(newest) ? Number(newest) : null;
  }

  async read(from: number, to: number): Promise<readonly Minute[]> {
    const minutes = minutesBetween(from, to);
    if (minutes.length === 0) return [];
    const places = minutes.map((minute) => String(placeOf(minute)));
    // What is no hash any more, or no text of ours, is as though nobody had counted: it is begun anew by whoever adds to it.
    const texts = await asking(orDamaged(this.#redis.hmget(this.#key, ...places), []));
    return minutes.flatMap((minute, index) => decodeMinute(minute, texts[index] ?? '') ?? []);
  }
}

function encodeCounts(counts: SeriesCounts): string {
  return Object.entries(counts)
    .flatMap(([series, names]) => {
      const said = Object.entries(names).map(([name, n]) => `${name}=${n}`);
      return said.length === 0 ? [] : [`${series} ${said.join(',')}`];
    })
    .join(';');
}

/** `null` where the place holds another minute. */
function decodeMinute(minute: number, text: string): Minute | null {
  const [of, atMs = '', standing = '', counts = '', ...more] = text.split('\n');
  if (of !== String(minute) || more.length > 0) return null;
  return {
    minute,
    counts: decodeCounts(counts),
    ...(/^\d{1,15}$/.test(atMs) && { standing: { atMs: Number(atMs), counts: decodeCounts(standing) } }),
  };
}

function decodeCounts(text: string): SeriesCounts {
  const series = text.split(';').map((one) => {
    const space = one.indexOf(' ');
    const numbers = one
      .slice(space + 1)
      .split(',')
      .map((pair) => pair.split('='))
      .filter(([, n = '']) => /^\d{1,15}$/.test(n))
      .map(([name = '', n]) => [name, Number(n)] as const);
    return [one.slice(0, Math.max(0, space)), Object.fromEntries(numbers)] as const;
  });
  return Object.fromEntries(series.filter(([name]) => name !== ''));
}
