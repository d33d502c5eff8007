/** The history in plain words of JavaScript: the reference that other stores are held against. */
import {
  assertMinutes,
  HISTORY_MINUTES,
  type History,
  type Minute,
  minutesBetween,
  placeOf,
  type SeriesCounts,
  type Standing,
} from './history.ts';

interface Place {
  readonly minute: number;
  readonly counts: Map<string, Map<string, number>>;
  standing: Standing | null;
}

export class MemoryHistory implements History {
  readonly #places: (Place | undefined)[] = Array(HISTORY_MINUTES);

  async add(minutes: readonly Minute[]): Promise<number | null> {
    assertMinutes(minutes);
    let newest: number | null = null;
    for (const { minute, counts, standing } of minutes) {
      const place = this.#place(minute);
      for (const [series, names] of Object.entries(counts)) addTo(place.counts, series, names);
      if (standing !== undefined) place.standing = standing;
      newest = place.standing?.atMs ?? newest;
    }
    return newest;
  }

  #place(minute: number): Place {
    const found = this.#places[placeOf(minute)];
    if (found?.minute === minute) return found;
    const made: Place = { minute, counts: new Map(), standing: null };
    this.#places[placeOf(minute)] = made;
    return made;
  }

  async read(from: number, to: number): Promise<readonly Minute[]> {
    return minutesBetween(from, to).flatMap((minute): Minute[] => {
      const place = this.#places[placeOf(minute)];
      if (place?.minute !== minute) return [];
      const { standing } = place;
      return [{ minute, counts: plain(place.counts), ...(standing !== null && { standing }) }];
    });
  }
}

function addTo(
  all: Map<string, Map<string, number>>,
  series: string,
  names: Readonly<Record<string, number>>,
) {
  const sums = all.get(series) ?? new Map<string, number>();
  all.set(series, sums);
  for (const [name, n] of Object.entries(names)) sums.set(name, (sums.get(name) ?? 0) + n);
}

function plain(counts: ReadonlyMap<string, ReadonlyMap<string, number>>): SeriesCounts {
  return Object.fromEntries([...counts].map(([series, sums]) => [series, Object.fromEntries(sums)]));
}
