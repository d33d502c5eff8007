/** Which arrows go past rows that they do not touch, and on which of several lines beside each other. */
import { allParts, type Plan, type PlannedPart, stepsIn, type Way } from './plan.ts';

export interface Tracks {
  /** Of ways that pass over parts, on the outer side: by {@link keyOf}. */
  readonly past: ReadonlyMap<string, Past>;
  /** Lines beside each other that go past frames on their outside, and those that go past parts alone, in a frame or in none. */
  readonly outsideCount: number;
  readonly insideCount: number;
  readonly aloneCount: number;
  /** Of ways to where the undoing begins that is not beside their own row: by its id. All that lead there share one line. */
  readonly between: ReadonlyMap<string, number>;
  readonly betweenCount: number;
}

export interface Past {
  /** Counted from 0, from the inside to the outside. */
  readonly track: number;
  /** How many frames are around it, where it goes past or along a frame; `null` where it passes parts alone. */
  readonly depth: number | null;
}

export function keyOf({ from, to }: Pick<Way, 'from' | 'to'>): string {
  return `${from}>${to}`;
}

export function tracksOf({ there, back, ways }: Plan): Tracks {
  const rows = allParts(there);
  const rowOf = new Map(rows.map(({ id }, index) => [id, index]));
  const placeOf = placesIn(there);
  const past: (Stretch & { readonly depth: number | null; readonly isInFrame: boolean })[] = [];
  const between = new Map<string, Stretch>();
  const undoing = new Map(allParts(back).map((part) => [part.id, rowBeside(part, rows)]));
  for (const way of ways) {
    const [from, place] = [rowOf.get(way.from), placeOf.get(way.from)];
    if (from === undefined || place === undefined) continue;
    if (way.kind === 'done') {
      const to = placeOf.get(way.to) ?? { ...place, siblings: there, depth: 0, index: there.length };
      if (to.siblings !== place.siblings || to.index <= place.index + 1) continue;
      const over = place.siblings.slice(place.index, to.index + 1);
      const depth = over.some(({ kind }) => kind === 'frame') ? place.depth : null;
      const end = rowOf.get(way.to) ?? rows.length;
      past.push({ key: keyOf(way), from, to: end, depth, isInFrame: place.depth > 0 });
    }
    if (way.kind === 'failed') {
      const to = undoing.get(way.to) ?? -1;
      if (to === from) continue;
      const known = between.get(way.to);
      between.set(way.to, { key: way.to, from: to, to: Math.max(from, known?.to ?? from) });
    }
  }
  const groups = new Map<number | null, typeof past>();
  for (const one of past) groups.set(one.depth, [...(groups.get(one.depth) ?? []), one]);
  const pastTracks = [...groups].flatMap(([depth, stretches]) =>
    [...allotted(stretches)].map(([key, track]) => ({ key, track, depth })),
  );
  const isIn = ({ key, depth }: (typeof pastTracks)[number]) =>
    depth !== 0 && past.some((one) => one.key === key && one.isInFrame);
  const betweenTracks = allotted([...between.values()]);
  return {
    past: new Map(pastTracks.map(({ key, ...one }) => [key, one])),
    outsideCount: countOf(pastTracks.filter(({ depth }) => depth === 0)),
    insideCount: countOf(pastTracks.filter(isIn)),
    aloneCount: countOf(pastTracks.filter((one) => one.depth === null && !isIn(one))),
    between: betweenTracks,
    betweenCount: countOf([...betweenTracks.values()].map((track) => ({ track }))),
  };
}

interface Stretch {
  readonly key: string;
  /** Rows, both included. */
  readonly from: number;
  readonly to: number;
}

/** Each stretch on the first line that is free along all of it; short ones first, so that they stay inside of long ones. */
function allotted(stretches: readonly Stretch[]): Map<string, number> {
  const taken: (Stretch & { readonly track: number })[] = [];
  for (const stretch of [...stretches].sort((a, b) => a.to - a.from - (b.to - b.from))) {
    const overlapping = taken.filter(({ from, to }) => from <= stretch.to && to >= stretch.from);
    const isTaken = (track: number) => overlapping.some((one) => one.track === track);
    let track = 0;
    while (isTaken(track)) track += 1;
    taken.push({ ...stretch, track });
  }
  return new Map(taken.map(({ key, track }) => [key, track]));
}

function countOf(tracks: readonly { readonly track: number }[]): number {
  return Math.max(0, ...tracks.map(({ track }) => track + 1));
}

interface PartPlace {
  readonly siblings: readonly PlannedPart[];
  readonly index: number;
  /** So many frames are around it. */
  readonly depth: number;
}

/** Where each part stands among those around it. */
function placesIn(parts: readonly PlannedPart[], depth = 0): Map<string, PartPlace> {
  const places = parts.flatMap((part, index) => [
    [part.id, { siblings: parts, index, depth }] as const,
    ...part.regions.flatMap(({ parts: inside }) => [...placesIn(inside, depth + 1)]),
  ]);
  return new Map(places);
}

/** The row of what a part undoes: of its step, or of the frame that it answers to. */
export function rowBeside(part: PlannedPart, rows: readonly PlannedPart[]): number {
  if (part.kind !== 'frame')
    return rows.findIndex(({ step, kind }) => step === part.step && kind !== 'frame');
  const names = namesOf(part);
  const steps = stepsIn(part);
  return rows.findLastIndex(
    (row) =>
      row.kind === 'frame' && namesOf(row) === names && steps.every((step) => stepsIn(row).includes(step)),
  );
}

function namesOf({ regions }: PlannedPart): string {
  return regions.map(({ name }) => name).join();
}
