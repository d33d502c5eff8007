/**
 * Holds a transition table against XState before any saga is driven by it: for every state and every event, whatever the guards
 * say, both must ask the same guards, do the same in the same order, and come to the same state.
 */
import { type AnyEventObject, type AnyStateMachine, assign, createMachine } from 'xstate';
import { inertScope } from './scope.ts';
import { nameOf } from './structure.ts';
import { type Implementations, type Rows, stateValueOf, TransitionTable } from './transition-table.ts';

/** As an event, what XState would go on to of itself: so that each of its transitions is one step. */
const ALWAYS = '(always)';

/** The first thing that a table does otherwise than XState; `null` where there is none. */
export function differenceIn(machine: AnyStateMachine, rows: Rows): string | null {
  const notes: string[] = [];
  let asked = 0;
  /** So many guards say no before one says yes. */
  let refused = 0;
  const note = (what: string, params: unknown) => notes.push(`${what} ${JSON.stringify(params) ?? ''}`);
  const { guards, actions } = machine.implementations as Implementations;
  const twin = createMachine(stepwise(machine.config as Config) as never, {
    guards: mapped(guards, (name) => (_: unknown, params: unknown) => {
      note(`asks ${name}`, params);
      asked += 1;
      return asked > refused;
    }) as never,
    actions: mapped(actions, (name) =>
      assign((_: unknown, params: unknown) => {
        note(`does ${name}`, params);
        return {};
      }),
    ) as never,
  }) as unknown as AnyStateMachine;
  const scope = inertScope(twin);
  const table = new TransitionTable(twin, rows);
  /** What is noted on the way, and where it leads. */
  const noted = (go: () => string | null): string => {
    notes.length = 0;
    asked = 0;
    const to = go();
    return `${notes.join(', ')} -> ${to ?? 'nothing'}`;
  };

  refused = Number.POSITIVE_INFINITY;
  const begun = noted(() => {
    let now = twin.getInitialSnapshot(scope, {});
    for (let before = null; before !== now; ) {
      before = now;
      now = twin.transition(now, { type: ALWAYS } as never, scope);
    }
    return nameOf(now.value);
  });
  const begins = noted(() => nameOf(table.begin({}).value));
  if (begun !== begins) return `at the beginning: XState ${begun}, the table ${begins}`;
  for (const [state, { path, on, always }] of rows.rows) {
    const from = twin.resolveState({ value: stateValueOf(path), context: {} });
    if (from.status !== 'active') continue;
    const types = new Set(from._nodes.flatMap(({ transitions }) => [...transitions.keys()]));
    for (const type of on.keys()) types.add(type);
    if (always.length > 0) types.add(ALWAYS);
    for (const type of types) {
      const event: AnyEventObject = { type };
      refused = 0;
      do {
        const goes = noted(() => {
          const to = twin.transition(from, event as never, scope);
          return to === from ? null : nameOf(to.value);
        });
        const says = noted(() => table.step(state, type === ALWAYS ? null : type));
        if (goes !== says) return `in ${state} on ${type}: XState ${goes}, the table ${says}`;
        refused += 1;
      } while (asked >= refused);
    }
  }
  return null;
}

interface Config {
  readonly always?: unknown;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly states?: Readonly<Record<string, Config>>;
}

function stepwise({ always, states, ...config }: Config): Config {
  return {
    ...config,
    ...(always === undefined ? {} : { on: { ...config.on, [ALWAYS]: always } }),
    ...(states === undefined ? {} : { states: mapped(states, (_, state) => stepwise(state)) }),
  };
}

function mapped<From, To>(
  all: Readonly<Record<string, From>>,
  to: (name: string, one: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, to(name, one)]));
}
