/** What can be seen of a service's effects from outside. */

/** JSON at one moment: its text, and all that can be counted in it: numbers, and how long lists are, by where they stand. */
export interface Sight {
  readonly text: string;
  readonly counts: ReadonlyMap<string, number>;
}

/** By how much each count differs, in a text that can be compared; empty where nothing that can be counted has changed. */
export type Change = ReadonlyMap<string, number>;

export function sightOf(text: string): Sight {
  const counts = new Map<string, number>();
  const walk = (value: unknown, path: string) => {
    if (typeof value === 'number') counts.set(path, value);
    // What stands in a list moves when the list grows, so only its length is counted.
    else if (Array.isArray(value)) counts.set(path, value.length);
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) walk(inner, `${path}/${name}`);
  };
  walk(JSON.parse(text), '');
  return { text, counts };
}

export function changeFrom(before: Sight, after: Sight): Change {
  const paths = [...new Set([...before.counts.keys(), ...after.counts.keys()])].sort();
  const by = (path: string) => (after.counts.get(path) ?? 0) - (before.counts.get(path) ?? 0);
  return new Map(paths.flatMap((path) => (rounded(by(path)) === 0 ? [] : [[path, rounded(by(path))]])));
}

export function together(one: Change, other: Change): Change {
  const paths = [...new Set([...one.keys(), ...other.keys()])].sort();
  const sum = (path: string) => rounded((one.get(path) ?? 0) + (other.get(path) ?? 0));
  return new Map(paths.flatMap((path) => (sum(path) === 0 ? [] : [[path, sum(path)]])));
}

export function told(change: Change): string {
  return (
    [...change].map(([path, by]) => `${path || '/'} ${by > 0 ? '+' : ''}${by}`).join(', ') || 'no change'
  );
}

/** Amounts with a fraction do not add up to the last digit. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
