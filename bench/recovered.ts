/** What logs and stub tell of sagas whose coordinator was killed and started again. */
import type { NumberedEntry } from '../stores/saga-store.ts';

/** One saga as it stands at the end: its log, and what was called for it since the kill. */
export interface Tale {
  readonly id: string;
  readonly log: readonly NumberedEntry[];
  readonly calls: Readonly<Record<string, number>>;
  readonly firstCallAtMs: number | null;
}

interface Times {
  readonly killedAtMs: number;
  readonly readyAtMs: number;
  /** What was still to be called. */
  readonly left: readonly string[];
}

export interface Recovered {
  /** Until so many had made a call or a commit, since the coordinator was ready. */
  readonly movingMs: { readonly half: number; readonly all: number };
  /** Until the last of those that the killed one held was taken over: what the recovery loop decides by itself. */
  readonly takenOverMs: number;
  /** From ready to the last end. */
  readonly endedPerSecond: number;
  readonly calls: { readonly repeated: number };
  /** How often, per saga, a call was put off since the kill, and a saga claimed from the killed one. */
  readonly deferrals: number;
  readonly takeovers: number;
  /** What was lost, or called that was done already. */
  readonly wrong: readonly string[];
}

export function recoveredOf(tales: readonly Tale[], { killedAtMs, readyAtMs, left }: Times): Recovered {
  const moved = tales.map((tale) => movedAtMs(tale, killedAtMs) - readyAtMs).sort((a, b) => a - b);
  const ended = Math.max(...tales.map(({ log }) => atMs(log.at(-1))));
  const since = tales.flatMap(({ log }) => log.filter((entry) => atMs(entry) > killedAtMs));
  const called = (event: string) => since.filter((entry) => entry.event === event);
  const takenOver = called('takenOver');
  const counts = tales.flatMap(({ calls }) => Object.values(calls));
  return {
    movingMs: { half: moved[Math.floor(moved.length / 2)] ?? Number.NaN, all: moved.at(-1) ?? Number.NaN },
    takenOverMs: Math.max(0, ...takenOver.map((entry) => atMs(entry) - readyAtMs)),
    endedPerSecond: (tales.length * 1000) / (ended - readyAtMs),
    calls: { repeated: counts.reduce((sum, count) => sum + count - 1, 0) },
    deferrals: called('deferred').length / tales.length,
    takeovers: takenOver.length / tales.length,
    wrong: tales.flatMap((tale) => wrongIn(tale, left)),
  };
}

/** A claim alone is no move: it may be followed by nothing. */
function movedAtMs({ log, firstCallAtMs }: Tale, killedAtMs: number): number {
  const commit = log.find((entry) => entry.event !== 'takenOver' && atMs(entry) > killedAtMs);
  return Math.min(atMs(commit), firstCallAtMs ?? Number.POSITIVE_INFINITY);
}

function wrongIn({ id, log, calls }: Tale, left: readonly string[]): string[] {
  const missing = left.filter((path) => (calls[path] ?? 0) === 0).map((path) => `${id} never called ${path}`);
  const done = Object.keys(calls).filter((path) => !left.includes(path));
  const last = log.at(-1)?.to;
  return [
    ...missing,
    ...done.map((path) => `${id} called ${path}, which was done`),
    ...(last === 'completed' ? [] : [`${id} ended in ${last}`]),
  ];
}

function atMs(entry: NumberedEntry | undefined): number {
  return entry === undefined ? Number.POSITIVE_INFINITY : Date.parse(entry.at);
}
