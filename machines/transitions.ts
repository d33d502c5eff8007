/**
 * Makes a machine's transitions: looked up where its table can hold them, and by XState where it cannot. XState is asked all the same
 * now and then, and whatever it says is believed.
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { stringify } from '../json/exact.ts';
import { stepIn } from './parts.ts';
import type { Addressed, SagaContext, SagaEvent, SagaInput, WaitMeta } from './saga.ts';
import { inertScope } from './scope.ts';
import { nameOf, statesIn } from './structure.ts';
import { differenceIn } from './table-check.ts';
import { rowsOf, unfitIn } from './transition-rows.ts';
import { TransitionTable } from './transition-table.ts';

/** What makes a machine's transitions; where that is XState, why. */
export type MadeBy =
  | { readonly by: 'table' }
  | {
      readonly by: 'xstate';
      /** It was set so, the machine is of a shape that a table does not hold, or table and XState were found to differ. */
      readonly why: 'setting' | 'shape' | 'difference';
      readonly detail: string;
    };

/** Where table and XState came apart. Without a saga's data, because it is logged. */
export interface Difference {
  readonly state: string;
  /** Type of the event. */
  readonly event: string;
  /** The state to which each leads; `null` where the event changes nothing, or it failed. */
  readonly xstate: string | null;
  readonly table: string | null;
  /** What else is not the same, fields of the context by their names. */
  readonly fields: readonly string[];
}

export type Tell = (difference: Difference) => void;

/**
 * One transition in so many is made both ways. A prime, or sagas that go well, all of them of as many transitions, would have the same one
 * made so each time.
 */
export const SAMPLED_EVERY = 997;

const FAILED = 'failed';
const NONE = {};

export class Transitions {
  readonly #machine: AnyStateMachine;
  readonly #scope: AnyActorScope;
  /** It has waits, and so must know the time of what leads to them. */
  readonly #isTimed: boolean;
  #table: TransitionTable | null;
  #madeBy: MadeBy;
  #count = 0;

  constructor(machine: AnyStateMachine, by: MadeBy['by']) {
    this.#machine = machine;
    this.#scope = inertScope(machine);
    this.#isTimed = statesIn(machine).some(
      ({ tags, meta }) => tags.includes('expecting') || (meta as WaitMeta | undefined)?.wait !== undefined,
    );
    const made = by === 'xstate' ? notLookedUp('setting', 'TRANSITIONS') : lookedUp(machine);
    this.#madeBy = made.madeBy;
    this.#table = made.table;
  }

  get madeBy(): MadeBy {
    return this.#madeBy;
  }

  begin(given: SagaInput, tell: Tell): AnyMachineSnapshot {
    const input = this.#isTimed ? given : { data: given.data };
    const found = this.#looked((table) => table.begin(input));
    if (typeof found === 'object' && !this.#isSampled()) return found as AnyMachineSnapshot;
    const judged = this.#machine.getInitialSnapshot(this.#scope, input);
    this.#judge(found, judged, { state: '', event: 'started' }, tell);
    // It keeps what was thrown to itself, and what it gives back stands where nothing is asked for.
    if (judged.status === 'error') throw judged.error;
    return judged;
  }

  /** The next snapshot; `null` where the state does not know the event. */
  next(snapshot: AnyMachineSnapshot, event: SagaEvent, tell: Tell): AnyMachineSnapshot | null {
    const own = snapshot.context as SagaContext;
    // What a join enters sees no event: so the time stands in the context.
    const context = this.#isTimed ? { ...own, at: event.at } : own;
    const known = addressed(event);
    const found = this.#looked((table) => table.next(snapshot, context, known));
    if (typeof found === 'object' && !this.#isSampled()) return found;
    const about = { state: nameOf(snapshot.value), event: known.type };
    let judged: AnyMachineSnapshot;
    // Where there is no transition it gives back the snapshot itself.
    const from = (context === own ? snapshot : { ...snapshot, context }) as AnyMachineSnapshot;
    try {
      judged = this.#machine.transition(from, known, this.#scope);
    } catch (error) {
      this.#judge(found, FAILED, about, tell);
      throw error;
    }
    const next = judged === from ? null : judged;
    this.#judge(found, next, about, tell);
    return next;
  }

  /** XState would look through the context for actors, and take away what a participant has written like one. */
  restore(stored: object, context: SagaContext): AnyMachineSnapshot {
    const restored = this.#machine.restoreSnapshot({ ...stored, context: NONE } as never, this.#scope);
    return Object.assign(restored, { context });
  }

  /** `undefined` where there is no table, or it cannot tell. A definition's own functions may fail, and XState says how. */
  #looked(ask: (table: TransitionTable) => Found | undefined): Found | undefined {
    if (this.#table === null) return undefined;
    try {
      return ask(this.#table);
    } catch {
      return FAILED;
    }
  }

  #isSampled(): boolean {
    this.#count += 1;
    return this.#count % SAMPLED_EVERY === 1;
  }

  #judge(
    found: Found | undefined,
    judged: Found,
    about: Pick<Difference, 'state' | 'event'>,
    tell: Tell,
  ): void {
    if (found === undefined || isSame(found, judged)) return;
    const difference = {
      ...about,
      xstate: stateOf(judged),
      table: stateOf(found),
      fields: fieldsOf(found, judged),
    };
    this.#table = null;
    this.#madeBy = { by: 'xstate', why: 'difference', detail: JSON.stringify(difference) };
    tell(difference);
  }
}

/** A snapshot, `null` where the event changes nothing. */
type Found = AnyMachineSnapshot | null | typeof FAILED;

interface Made {
  readonly table: TransitionTable | null;
  readonly madeBy: MadeBy;
}

/** A machine never changes, so one that several registries of a process hold is compared with its table once. */
const known = new WeakMap<AnyStateMachine, Made>();

function lookedUp(machine: AnyStateMachine): Made {
  const made = known.get(machine) ?? compared(machine);
  known.set(machine, made);
  return made;
}

function compared(machine: AnyStateMachine): Made {
  const unfit = unfitIn(machine);
  if (unfit !== null) return notLookedUp('shape', unfit);
  const rows = rowsOf(machine);
  const difference = differenceIn(machine, rows);
  if (difference !== null) return notLookedUp('difference', difference);
  return { table: new TransitionTable(machine, rows), madeBy: { by: 'table' } };
}

function notLookedUp(why: 'setting' | 'shape' | 'difference', detail: string): Made {
  return { table: null, madeBy: { by: 'xstate', why, detail } };
}

/**
 * The snapshot as the text to store: what XState's `getPersistedSnapshot` gives. That looks through the whole context for
 * actors, which costs as much as the text; a saga has none, nor a history: the rules of machines see to it.
 */
export function textOf({
  status,
  output,
  error,
  value,
  context,
}: Omit<AnyMachineSnapshot, 'context'> & { readonly context: unknown }): string {
  return stringify({ status, output, error, value, historyValue: NONE, context, children: NONE });
}

/** The event as the state knows it that it is addressed to; as it is where there is one activity alone. */
export function addressed(event: SagaEvent): SagaEvent {
  const { to } = event as Addressed;
  return to === undefined
    ? event
    : ({ ...event, type: `${event.type}.${stepIn(to)}` } as unknown as SagaEvent);
}

/** A beginning that fails, XState tells as a snapshot. */
function isSame(found: Found, judged: Found): boolean {
  if (found === FAILED) return judged === FAILED || judged?.status === 'error';
  if (found === null || judged === null || judged === FAILED) return found === judged;
  return textOf(found) === textOf(judged) && String([...found.tags]) === String([...judged.tags]);
}

function stateOf(found: Found): string | null {
  return found === null || found === FAILED ? null : nameOf(found.value);
}

function fieldsOf(found: Found, judged: Found): string[] {
  const contextOf = (one: Found): Record<string, unknown> =>
    one === null || one === FAILED ? {} : (one.context as Record<string, unknown>);
  const [one, other] = [contextOf(found), contextOf(judged)];
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return names.filter((name) => stringify(one[name] ?? null) !== stringify(other[name] ?? null));
}
