/**
 * What the records of a machine have in common, for their compression: the words of its log, and the names of what its
 * sagas know. Nothing that one saga alone knows: this outlives every saga from which it was made.
 */
/** deflate looks back no further. */
const LETTERS_MAX = 16_000;

/** What is compressed of a saga. */
export interface Packed {
  readonly snapshot: string;
  /** Empty where it has none. */
  readonly trace: string;
  /** Of its log. */
  readonly lines: readonly string[];
}

/** Entries of a log whose text is the machine's, and not a participant's or a person's. */
const WORDS = new Set(['event', 'from', 'to', 'step', 'kind', 'outcome', 'attempt']);

/** @param samples of one machine, some of each of its ends at best */
export function vocabularyOf(samples: readonly Packed[]): string {
  const snapshots = samples.map(({ snapshot }) => parsed(snapshot));
  const skeletons = snapshots.map(skeletonOf);
  const shapes = [
    ...new Set(skeletons.map((one, at) => JSON.stringify(withState(common(one, skeletons), snapshots[at])))),
  ];
  const entries = samples.flatMap(({ lines }) => [...new Set(lines.map(wordsOf))]);
  const shared = [...new Set(entries)].filter(
    (entry) => entries.filter((other) => other === entry).length > samples.length / 4,
  );
  // As it lies within the text that is compressed. What matters most comes last.
  const text = [...shared, ...shapes].join('\n');
  return text.slice(-LETTERS_MAX);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Where a machine stands is a word of its own. */
function withState(skeleton: Skeleton, snapshot: unknown): unknown {
  if (typeof skeleton !== 'object' || skeleton === null) return skeleton;
  const { status, value } = snapshot as { readonly status?: unknown; readonly value?: unknown };
  return { ...skeleton, status, value };
}

type Skeleton =
  | { readonly [name: string]: Skeleton }
  | readonly Skeleton[]
  | string
  | number
  | boolean
  | null;

/** Names, and of what is named how it begins and ends. */
function skeletonOf(value: unknown): Skeleton {
  if (Array.isArray(value)) return value.slice(0, 1).map(skeletonOf);
  if (typeof value === 'string') return '';
  if (typeof value === 'number') return 0;
  if (typeof value !== 'object' || value === null) return value as boolean | null;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, skeletonOf(inner)]));
}

/** What of it all have alike: a name that is not in all of them may be somebody's. */
function common(one: Skeleton, all: readonly Skeleton[]): Skeleton {
  if (typeof one !== 'object' || one === null) return one;
  if (Array.isArray(one)) {
    const [first] = one;
    const firsts = all.flatMap((other) => (Array.isArray(other) ? other : []));
    return first === undefined ? [] : [common(first, firsts)];
  }
  const isIn = (name: string) =>
    all.every(
      (other) =>
        typeof other === 'object' && other !== null && !Array.isArray(other) && Object.hasOwn(other, name),
    );
  return Object.fromEntries(
    Object.entries(one)
      .filter(([name]) => isIn(name))
      .map(([name, inner]) => [
        name,
        common(
          inner,
          all.map((other) => (other as { readonly [name: string]: Skeleton })[name] ?? ''),
        ),
      ]),
  );
}

/** An entry without its time, duration and error, and without who did it and why. */
function wordsOf(line: string): string {
  const entry = parsed(line);
  if (typeof entry !== 'object' || entry === null) return '';
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(entry).map(([name, value]) => [name, WORDS.has(name) ? value : skeletonOf(value)]),
    ),
  );
}
