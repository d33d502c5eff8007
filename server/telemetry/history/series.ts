/** How the series of the history and what is in them are named, and read again. */
import type { Kind } from '../../../machines/index.ts';

const MACHINE = 'machine';
const MOVES = 'moves';
const CALLS = 'calls';
const STANDING = 'standing';
const PARKED = 'parked';
const HELD = 'held';
/** What is told of a standing as a whole. */
export const ALL = 'all';

/** Moves beyond those that are told apart. */
export const OTHER_MOVES = 'others';

export interface CallSeries {
  readonly machine: string;
  readonly step: string;
  readonly kind: Kind;
  readonly participant: string;
}

interface Version {
  readonly id: string;
  readonly version: string;
}

export const machineSeries = (machine: string) => named(MACHINE, machine);
export const movesSeries = ({ id, version }: Version) => named(MOVES, id, version);
export const standingSeries = ({ id, version }: Version) => named(STANDING, id, version);
export const parkedSeries = (machine: string) => named(PARKED, machine);
export const heldSeries = (machine: string) => named(HELD, machine);

export function callsSeries({ machine, step, kind, participant }: CallSeries): string {
  return named(CALLS, machine, step, kind, participant);
}

/** `null` for a series of anything else. */
export function machineOf(series: string): string | null {
  const [of, machine] = partsOf(series);
  return of === MACHINE && machine !== undefined ? machine : null;
}

/** `null` for a series of anything else. */
export function callsOf(series: string): CallSeries | null {
  const [of, machine, step, kind, participant] = partsOf(series);
  if (of !== CALLS || machine === undefined || step === undefined || participant === undefined) return null;
  return kind === 'action' || kind === 'compensation' ? { machine, step, kind, participant } : null;
}

/** `null` for a series of anything else. */
export function parkedOf(series: string): string | null {
  const [of, machine] = partsOf(series);
  return of === PARKED && machine !== undefined ? machine : null;
}

/** `null` for a series of anything else. */
export function standingOf(series: string): Version | null {
  const [of, id, version] = partsOf(series);
  return of === STANDING && id !== undefined && version !== undefined ? { id, version } : null;
}

/** Parts with slashes between them, none of which is in a part. */
export function named(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join('/');
}

/** One that cannot be read stands as it is. */
export function partsOf(name: string): string[] {
  return name.split('/').map(decoded);
}

/** States that were left and entered; with a part beside others, those of its own region alone. */
export function nameOfMove(left: readonly string[], entered: readonly string[]): string {
  return [left, entered].map((leaves) => leaves.map(encodeURIComponent).join('+')).join('>');
}

export interface Move {
  readonly left: readonly string[];
  readonly entered: readonly string[];
}

/** `null` for moves that were not told apart. */
export function moveOf(name: string): Move | null {
  const [left, entered] = name.split('>');
  if (left === undefined || entered === undefined) return null;
  const leaves = (text: string) => (text === '' ? [] : text.split('+').map(decoded));
  return { left: leaves(left), entered: leaves(entered) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
