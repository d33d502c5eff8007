/**
 * What the picture of a machine has to show, read off its states: the parts on the way there and on the way back, what they
 * hold beside each other, and the ways between them. Where they stand is said in layout.ts.
 */
import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';
import type { CallMeta, PendingMeta, RegisteredMachine, WaitMeta } from '../../../machines/index.ts';
import { nodeName, transitionsOf } from '../../../machines/structure.ts';
import { span, words } from '../wording.ts';

export type PartKind =
  | 'action'
  | 'compensation'
  /** An event from outside, or a moment, is waited for. */
  | 'wait'
  /** What was done here cannot be undone, and stays. */
  | 'kept'
  | 'choice'
  /** Holds other parts, in regions that are beside each other. */
  | 'frame'
  /** All was done. */
  | 'success'
  /** All was undone. */
  | 'end'
  | 'parked';

export interface PlannedPart {
  /** Name of its state: `processingPayment`, `booking.flight.bookingFlight`. */
  readonly id: string;
  readonly kind: PartKind;
  readonly lane: 'there' | 'back' | 'none';
  readonly label: string;
  /** Beneath its name: what is called or waited for, or why it stays. */
  readonly call: string | null;
  readonly step: string | null;
  /** One call for each item of a list. */
  readonly isMany: boolean;
  /** Behind it nothing is undone. */
  readonly isPivot: boolean;
  readonly regions: readonly { readonly name: string; readonly parts: readonly PlannedPart[] }[];
}

export interface Way {
  readonly from: string;
  readonly to: string;
  readonly kind: 'done' | 'failed' | 'undo' | 'choice' | 'retry';
  /** Which answer of a condition leads here. */
  readonly says: 'yes' | 'no' | null;
}

export interface Plan {
  /** In the order of doing. */
  readonly there: readonly PlannedPart[];
  readonly back: readonly PlannedPart[];
  readonly others: readonly PlannedPart[];
  readonly ways: readonly Way[];
}

export function planOf(machine: RegisteredMachine): Plan {
  const { root } = machine.machine;
  const tops = Object.values(root.states).map((node) => partOf(node, machine));
  const found = waysBetween(tops, root);
  const isLeftOver = new Set(found.flatMap(({ from, to }) => (from.lane === 'there' ? [] : [to.id])));
  // Where neither undoing nor a person leads to, all was done.
  const parts = tops.map((part) =>
    part.kind === 'end' && !isLeftOver.has(part.id) ? { ...part, kind: 'success' as const } : part,
  );
  const succeeds = new Set(parts.flatMap(({ kind, id }) => (kind === 'success' ? [id] : [])));
  const ways = found.map(({ from, to, says }) => ({
    from: from.id,
    to: to.id,
    says,
    kind: wayKind(from, to, succeeds.has(to.id)),
  }));
  return {
    there: inOrder(
      parts.filter(({ lane }) => lane === 'there'),
      ways,
    ),
    back: parts.filter(({ lane }) => lane === 'back'),
    others: parts.filter(({ lane }) => lane === 'none'),
    ways,
  };
}

/** Every part, those inside others included, parents first. */
export function allParts(parts: readonly PlannedPart[]): PlannedPart[] {
  return parts.flatMap((part) => [part, ...part.regions.flatMap(({ parts }) => allParts(parts))]);
}

/** The steps that a part makes or undoes, those inside it included. */
export function stepsIn(part: PlannedPart): string[] {
  return allParts([part]).flatMap(({ step }) => (step === null ? [] : [step]));
}

function partOf(node: AnyStateNode, machine: RegisteredMachine): PlannedPart {
  const id = nodeName(node);
  const plain = { id, label: words(node.key), call: null, step: null, isMany: false, isPivot: false };
  if (!isWhole(node)) {
    const isParallel = node.type === 'parallel';
    const regions = (isParallel ? Object.values(node.states) : [node]).map((region) => ({
      name: isParallel ? words(region.key) : '',
      parts: Object.values(region.states)
        .filter(({ type }) => type !== 'final')
        .map((inside) => partOf(inside, machine)),
    }));
    const lanes = new Set(regions.flatMap(({ parts }) => parts.map(({ lane }) => lane)));
    return { ...plain, kind: 'frame', lane: lanes.has('there') ? 'there' : 'back', regions };
  }
  const regions: PlannedPart['regions'] = [];
  const metas = [node, ...Object.values(node.states)].map(({ meta }) => meta as AnyMeta | undefined);
  const call = metas.find((meta) => meta !== undefined && 'path' in meta) as CallMeta | undefined;
  if (call !== undefined) {
    const isAction = call.kind === 'action';
    return {
      ...plain,
      kind: call.kind,
      lane: isAction ? 'there' : 'back',
      step: call.step,
      call: `${sayingOf(call, machine)}${call.path}`,
      isMany: call.each === true,
      isPivot: isAction && node.tags.includes('pivot'),
      regions,
    };
  }
  const wait = metas.find((meta) => meta !== undefined && 'wait' in meta) as WaitMeta | undefined;
  if (wait !== undefined)
    return { ...plain, kind: 'wait', lane: 'there', call: waitedFor(wait, machine), regions };
  const kept = keptBy(node);
  if (kept !== null) {
    const compensation = machine.steps.find(({ name }) => name === kept)?.compensation;
    const call = compensation !== undefined && 'none' in compensation ? compensation.none : null;
    return { ...plain, kind: 'kept', lane: 'back', step: kept, call, regions };
  }
  if (node.tags.includes('parked')) return { ...plain, kind: 'parked', lane: 'none', regions };
  if (!isChoice(node)) return { ...plain, kind: 'end', lane: 'none', regions };
  const condition = node.entry.map(paramsOf).find(({ part }) => part !== undefined)?.part;
  return condition === undefined
    ? { ...plain, kind: 'choice', lane: 'none', regions }
    : { ...plain, kind: 'choice', lane: 'there', label: `${words(condition)}?`, regions };
}

type AnyMeta = CallMeta | WaitMeta | PendingMeta;

/** Whether a state is drawn as one, with what is inside it. */
function isWhole(node: AnyStateNode): boolean {
  const inside = Object.values(node.states);
  if (inside.length === 0) return true;
  const isCall = ({ tags }: AnyStateNode) => tags.includes('calling');
  return (
    node.type !== 'parallel' &&
    inside.some(isCall) &&
    inside.every(({ states }) => isEmpty(Object.keys(states)))
  );
}

function isEmpty(list: readonly unknown[]): boolean {
  return list.length === 0;
}

/** What is special about how a step is called. */
function sayingOf({ step, each, kind }: CallMeta, { steps }: RegisteredMachine): string {
  if (each) return 'each: ';
  const isLater = kind === 'action' && steps.find(({ name }) => name === step)?.asynchronous !== undefined;
  return isLater ? 'answers later: ' : '';
}

function waitedFor({ wait, event }: WaitMeta, { events }: RegisteredMachine): string {
  if (event === undefined) return 'until its time has come';
  const withinMs = events.get(wait)?.withinMs;
  return withinMs === undefined ? `event ${event}` : `event ${event}, within ${span(withinMs)}`;
}

/** The step whose effect stays, where the state is passed at once and notes that; `null` for any other. */
function keptBy(node: AnyStateNode): string | null {
  if (node.transitions.size > 0) return null;
  const noting = (node.always ?? []).flatMap(({ actions }) => actions);
  return (
    noting.map(paramsOf).find(({ step, reason }) => step !== undefined && reason !== undefined)?.step ?? null
  );
}

/** Entered and left at once, without an event. */
function isChoice(node: AnyStateNode): boolean {
  return node.type !== 'final' && (node.always ?? []).length > 0 && node.transitions.size === 0;
}

function paramsOf(given: unknown): Readonly<Record<string, string | undefined>> {
  return (given as { params?: Readonly<Record<string, string>> }).params ?? {};
}

interface FoundWay {
  readonly from: PlannedPart;
  readonly to: PlannedPart;
  readonly says: Way['says'];
}

/**
 * Which parts a part leads to, each once. An operator may resolve or skip wherever a saga stands still: drawn, these arrows
 * would hide all others. What ends a region is not drawn either: the frame around it goes on.
 */
function waysBetween(tops: readonly PlannedPart[], root: AnyStateNode): FoundWay[] {
  const all = allParts(tops);
  const byId = new Map(all.map((part) => [part.id, part]));
  return all.flatMap((from) => {
    const node = nodeAt(root, from.id);
    const inside = from.kind === 'frame' ? [node] : [node, ...Object.values(node.states)];
    const ways = new Map<string, FoundWay>();
    for (const transition of inside.flatMap(transitionsOf)) {
      const to = targetOf(transition, byId);
      if (to === undefined || to === from || BY_HAND.has(transition.eventType) || ways.has(to.id)) continue;
      ways.set(to.id, { from, to, says: null });
    }
    const list = [...ways.values()];
    // The condition is asked first; the other way is what is left.
    const isAsked = from.kind === 'choice' && from.lane === 'there' && list.length === 2;
    return isAsked ? list.map((way, index) => ({ ...way, says: index === 0 ? 'yes' : 'no' })) : list;
  });
}

const BY_HAND: ReadonlySet<string> = new Set(['resolve', 'skip']);

function nodeAt(root: AnyStateNode, id: string): AnyStateNode {
  return id.split('.').reduce((node, key) => node.states[key] ?? node, root);
}

/** The part that a transition leads to; none where it only ends a region. */
function targetOf(
  { target }: AnyTransitionDefinition,
  parts: ReadonlyMap<string, PlannedPart>,
): PlannedPart | undefined {
  const first = target?.[0];
  if (first === undefined) return undefined;
  for (let node: AnyStateNode | undefined = first; node?.parent; node = node.parent) {
    const part = parts.get(nodeName(node));
    if (part !== undefined) return part.kind === 'frame' && node !== first ? undefined : part;
  }
  return undefined;
}

function wayKind(from: PlannedPart, to: PlannedPart, isSuccess: boolean): Way['kind'] {
  if (from.lane === 'there') return to.lane === 'there' || isSuccess ? 'done' : 'failed';
  if (from.lane === 'back') return 'undo';
  return from.kind === 'parked' ? 'retry' : 'choice';
}

/** Each after all that lead to it; otherwise as the machine names them. Inside the parts likewise. */
function inOrder(parts: readonly PlannedPart[], ways: readonly Way[]): PlannedPart[] {
  const left = [...parts];
  const sorted: PlannedPart[] = [];
  while (left.length > 0) {
    const isFree = ({ id }: PlannedPart) =>
      !ways.some(({ from, to }) => to === id && from !== id && left.some((other) => other.id === from));
    const [next] = left.splice(Math.max(0, left.findIndex(isFree)), 1);
    if (next === undefined) break;
    const regions = next.regions.map(({ name, parts }) => ({ name, parts: inOrder(parts, ways) }));
    sorted.push({ ...next, regions });
  }
  return sorted;
}
