/**
 * Holds a transition table against XState before any saga is driven by it: for every state and every event, whatever the guards
 * say, both must ask the same guards, do the same in the same order, and come to the same state.
 */
import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  assign,
  createMachine,
  type StateValue,
} from 'xstate';
import { inertScope } from './scope.ts';
import { nameOf, nodeName, statesIn } from './structure.ts';
import type { Implementations, Rows } from './transition-rows.ts';
import { endOf, TransitionTable } from './transition-table.ts';

/** As an event, what XState would go on to of itself: so that each of its transitions is one step. */
const ALWAYS = '(always)';
/** As an event, that what is inside a state has ended; that XState says so is noted. */
const asked = (end: string) => `(${end})`;
const isEnd = (type: string) => type.startsWith('xstate.done.state.');
/** The action that notes so. */
const ENDED = '(ended)';
/** Branches may stand in very many places beside each other: so many steps are compared at most, and the rest as sagas run. */
const STEPS_MAX = 2_000;

/** The first thing that a table does otherwise than XState; `null` where there is none. */
export function differenceIn(machine: AnyStateMachine, rows: Rows): string | null {
  const both = new Both(machine, rows);
  const begun = both.beginning();
  if (begun.difference !== null) return `at the beginning: ${begun.difference}`;
  const seen = new Set<string>();
  const left = [begun.at, ...both.everywhere()];
  for (let at = left.shift(); at !== undefined && both.isGoingOn; at = left.shift()) {
    const state = nameOf(at.value);
    if (seen.has(state) || at.status !== 'active') continue;
    seen.add(state);
    for (const type of both.typesAt(at)) {
      const difference = both.differenceAt(at, type, (to) => left.push(to));
      if (difference !== null) return `in ${state} on ${type}: ${difference}`;
    }
  }
  return null;
}

/** A twin of the machine whose guards and actions only note that they were called, driven by XState and by the table in turn. */
class Both {
  readonly #twin: AnyStateMachine;
  readonly #scope: AnyActorScope;
  readonly #table: TransitionTable;
  readonly #rows: Rows['rows'];
  readonly #notes: string[] = [];
  /** What guards say, in the order in which they are asked; those behind them say yes. */
  #answers: readonly boolean[] = [];
  #asked = 0;
  #steps = 0;

  constructor(machine: AnyStateMachine, rows: Rows) {
    const { guards, actions } = machine.implementations as Implementations;
    const noting = (name: string) =>
      assign((_: unknown, params: unknown) => {
        this.#note(`does ${name}`, params);
        return {};
      });
    this.#twin = createMachine(stepwise(machine.root) as never, {
      guards: mapped(guards, (name) => (_: unknown, params: unknown) => {
        this.#note(`asks ${name}`, params);
        this.#asked += 1;
        return this.#answers[this.#asked - 1] ?? true;
      }) as never,
      actions: { ...mapped(actions, noting), [ENDED]: noting(ENDED) } as never,
    }) as unknown as AnyStateMachine;
    this.#scope = inertScope(this.#twin);
    this.#table = new TransitionTable(this.#twin, rows);
    this.#rows = rows.rows;
  }

  get isGoingOn(): boolean {
    return this.#steps < STEPS_MAX;
  }

  /** Where a saga begins. */
  beginning(): { readonly at: AnyMachineSnapshot; readonly difference: string | null } {
    const at = this.#twin.getInitialSnapshot(this.#scope, {});
    const goes = this.#noted(() => this.#twin.getInitialSnapshot(this.#scope, {}));
    const says = this.#noted(() => this.#told(this.#table.first({})));
    return { at, difference: goes === says ? null : `XState ${goes}, the table ${says}` };
  }

  /** Every state, those of other branches at their beginning. */
  everywhere(): AnyMachineSnapshot[] {
    return statesIn(this.#twin).map(({ path }) =>
      this.#twin.resolveState({ value: stateOf(path), context: {} }),
    );
  }

  /** The events that XState or the table knows there. */
  typesAt({ _nodes }: AnyMachineSnapshot): ReadonlySet<string> {
    const types = new Set<string>();
    for (const node of _nodes) {
      for (const type of node.transitions.keys()) if (type !== endOf(node)) types.add(type);
      const row = this.#rows.get(nodeName(node));
      for (const type of row?.on.keys() ?? []) types.add(isEnd(type) ? asked(type) : type);
      if ((row?.always.length ?? 0) > 0) types.add(ALWAYS);
    }
    return types;
  }

  /** What is done otherwise, whatever the guards say. @param reached is told where it leads */
  differenceAt(
    from: AnyMachineSnapshot,
    type: string,
    reached: (to: AnyMachineSnapshot) => void,
  ): string | null {
    this.#answers = [];
    while (this.isGoingOn) {
      this.#steps += 1;
      const goes = this.#noted(() => {
        const to = this.#twin.transition(from, { type } as never, this.#scope);
        reached(to);
        return to === from ? null : to;
      });
      const asked = this.#asked;
      const says = this.#noted(() => {
        const step = this.#table.step(from, type === ALWAYS ? null : type.replace(/^\((.*)\)$/, '$1'));
        return step === null ? null : this.#told(step);
      });
      if (goes !== says) return `XState ${goes}, the table ${says}`;
      // As one counts: the last that said yes says no the next time, and those behind it say yes.
      const said = Array.from({ length: asked }, (_, index) => this.#answers[index] ?? true);
      const last = said.lastIndexOf(true);
      if (last < 0) return null;
      this.#answers = [...said.slice(0, last), false];
    }
    return null;
  }

  /** A saga that has ended is told nothing. */
  #told({ to, ended }: ReturnType<TransitionTable['first']>): AnyMachineSnapshot {
    if (to.status === 'active') for (const event of ended) this.#note(`does ${ENDED}`, event);
    return to;
  }

  /** What is noted on the way, and where it leads. */
  #noted(go: () => AnyMachineSnapshot | null): string {
    this.#notes.length = 0;
    this.#asked = 0;
    const to = go();
    return [...this.#notes, to === null ? 'stays' : `goes to ${nameOf(to.value)}`].join(', ');
  }

  #note(what: string, params: unknown): void {
    this.#notes.push(params === undefined ? what : `${what} ${JSON.stringify(params)}`);
  }
}

interface Config {
  readonly always?: unknown;
  readonly onDone?: unknown;
  readonly on?: Readonly<Record<string, unknown>>;
}

/** The configuration of a state in which nothing follows of itself, and what has ended is but noted. */
function stepwise(node: AnyStateNode): object {
  const { always, onDone, ...config } = node.config as Config;
  const on = {
    ...config.on,
    ...(always === undefined ? {} : { [ALWAYS]: always }),
    ...(onDone === undefined ? {} : { [asked(endOf(node))]: onDone }),
  };
  const note = { actions: { type: ENDED, params: endOf(node) } };
  return {
    ...config,
    on,
    onDone: note,
    states: mapped(node.states, (_, child) => stepwise(child)),
  };
}

/** A path as XState takes where a saga stands. */
function stateOf(path: readonly string[]): StateValue {
  return path.reduceRight<StateValue>((inside, state) => ({ [state]: inside }), {});
}

function mapped<From, To>(
  all: Readonly<Record<string, From>>,
  to: (name: string, one: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, to(name, one)]));
}
