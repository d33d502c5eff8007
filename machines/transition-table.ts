/**
 * The transitions of a machine, looked up. XState finds out anew at each step which states an event leaves and enters, and what is
 * done on the way; where states never stand beside each other that is the same each time, and so it is read off once.
 * XState stays the source, and the judge: see table-check.ts, and docs/decisions/transition-table.md.
 */
import type {
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  StateValue,
} from 'xstate';
import type { SagaContext } from './saga.ts';
import { nameOf, nodeName, statesIn, transitionsOf } from './structure.ts';

/** A guard or an action as a state names it. */
interface Word {
  readonly type: string;
  readonly params: unknown;
}

/** What may become of a saga. */
export interface Way {
  /** `null` where nothing need be asked. */
  readonly guard: Word | null;
  /** Its own, and behind them what the states do that it enters. */
  readonly actions: readonly Word[];
  /** Name of the innermost state to which it leads; `null` where it leads out of none. */
  readonly to: string | null;
}

/** What an innermost state says. Ways are tried in their order, those of the states around it last. */
export interface Row {
  /** Keys from the outermost state to this one. */
  readonly path: readonly string[];
  /** By the type of the event. */
  readonly on: ReadonlyMap<string, readonly Way[]>;
  readonly always: readonly Way[];
}

export interface Rows {
  /** How a saga begins. */
  readonly first: Way;
  /** By the name of the innermost state. */
  readonly rows: ReadonlyMap<string, Row>;
  /** Of all events that any state knows. */
  readonly types: ReadonlySet<string>;
}

/** Why transitions of a machine cannot be looked up; `null` where they can be. */
export function unfitIn(machine: AnyStateMachine): string | null {
  const { guards, actions } = machine.implementations as Implementations;
  if (typeof machine.config.context !== 'function') return 'its context is no function of its input';
  for (const node of [machine.root, ...statesIn(machine)]) {
    const name = nodeName(node) || '(root)';
    if (node.type === 'parallel') return `${name} is parallel`;
    if (
      node.type === 'history' ||
      node.invoke.length > 0 ||
      node.exit.length > 0 ||
      node.output !== undefined
    )
      return `${name} does more than a table knows`;
    if (node.type === 'final' && node.parent !== machine.root) return `${name} ends what is around it`;
    if (node.initial.actions.length > 0) return `${name} does something at its beginning`;
    for (const { eventType, guard, target, actions: own } of transitionsOf(node)) {
      if (eventType.includes('*')) return `${name} takes ${eventType}`;
      if ((target?.length ?? 1) !== 1) return `${name} leads to several states`;
      const asked = guard === undefined ? undefined : guards[wordOf(guard)?.type ?? ''];
      if (guard !== undefined && (typeof asked !== 'function' || 'check' in asked))
        return `${name} has a guard that is no function with a name`;
      if (![...node.entry, ...own].every((action) => isAssign(actions[wordOf(action)?.type ?? ''])))
        return `${name} has an action that is no assignment with a name`;
    }
  }
  return null;
}

/** Read off the states by XState's rules for what a transition leaves and enters. */
export function rowsOf(machine: AnyStateMachine): Rows {
  const rows = new Map<string, Row>();
  const types = new Set<string>();
  for (const leaf of statesIn(machine).filter(isInnermost)) {
    const on = new Map<string, readonly Way[]>();
    for (const node of outwards(leaf)) {
      for (const [type, transitions] of node.transitions) {
        types.add(type);
        on.set(type, [...(on.get(type) ?? []), ...transitions.map(wayOf)]);
      }
    }
    const always = outwards(leaf).flatMap((node) => (node.always ?? []).map(wayOf));
    rows.set(nodeName(leaf), { path: leaf.path, on, always });
  }
  const begun = inwards(machine.root);
  return { first: { guard: null, ...entering([machine.root, ...begun]) }, rows, types };
}

function wayOf({ guard, actions, target, source, reenter }: AnyTransitionDefinition): Way {
  const own = { guard: guard === undefined ? null : wordOf(guard), actions: actions.map(wordOf) as Word[] };
  const [to] = target ?? [];
  if (to === undefined) return { ...own, to: null };
  // What is around both stays as it is; a state that leads into itself stays, too, unless it says otherwise.
  const isInside = !reenter && outwards(to).includes(source);
  const around = outwards(to)
    .slice(1)
    .find((node) => outwards(source).slice(1).includes(node));
  const stays = isInside ? source : (around ?? to.machine.root);
  const entered = outwards(to).slice(0, outwards(to).indexOf(stays)).reverse();
  const { actions: done, to: name } = entering([...entered, ...inwards(to)]);
  return { ...own, actions: [...own.actions, ...done], to: name || nodeName(to) };
}

/** What states do that are entered, and the innermost of them. */
function entering(nodes: readonly AnyStateNode[]): Pick<Way, 'actions'> & { readonly to: string } {
  const last = nodes.at(-1);
  return {
    actions: nodes.flatMap(({ entry }) => entry.map(wordOf) as Word[]),
    to: last === undefined ? '' : nodeName(last),
  };
}

/** The states that are entered inside one, from the outermost on. */
function inwards(node: AnyStateNode): AnyStateNode[] {
  const [first] = node.initial.target;
  return first === undefined ? [] : [first, ...inwards(first)];
}

/** A state and what is around it, the root last. */
function outwards(node: AnyStateNode): AnyStateNode[] {
  return node.parent === undefined ? [node] : [node, ...outwards(node.parent)];
}

function isInnermost({ states }: AnyStateNode): boolean {
  return Object.keys(states).length === 0;
}

/** `null` for a function without a name, and for params that are found out only when it is done. */
function wordOf(given: unknown): Word | null {
  if (typeof given === 'string') return { type: given, params: undefined };
  if (typeof given !== 'object' || given === null) return null;
  const { type, params } = given as { readonly type: string; readonly params?: unknown };
  return typeof params === 'function' ? null : { type, params };
}

interface Given {
  readonly context: SagaContext;
  readonly event: AnyEventObject;
}
type Guard = (given: Given, params: unknown) => boolean;
type Assigner = (given: Given, params: unknown) => Partial<SagaContext>;

/** What a machine's words mean, by their names. */
export interface Implementations {
  readonly guards: Readonly<Record<string, unknown>>;
  readonly actions: Readonly<Record<string, unknown>>;
}

function isAssign(found: unknown): boolean {
  return (found as { type?: unknown } | undefined)?.type === 'xstate.assign';
}

/** A way with the functions that its words name. */
interface Bound {
  readonly may: Guard | null;
  readonly params: unknown;
  readonly acts: readonly { readonly assign: Assigner; readonly params: unknown }[];
  readonly to: Place | null;
}

/** An innermost state, with what all snapshots share of sagas that stand there. */
interface Place {
  readonly name: string;
  readonly shared: AnyMachineSnapshot;
  on: ReadonlyMap<string, readonly Bound[]>;
  always: readonly Bound[];
}

interface Standing {
  readonly place: Place;
  readonly context: SagaContext;
}

/** For machines in which nothing is {@link unfitIn}. */
export class TransitionTable {
  readonly #machine: AnyStateMachine;
  readonly #types: ReadonlySet<string>;
  readonly #first: Bound;
  /** By name, and by the value that all snapshots share that are made here. */
  readonly #places = new Map<StateValue, Place>();

  constructor(machine: AnyStateMachine, { first, rows, types }: Rows) {
    this.#machine = machine;
    this.#types = types;
    for (const [name, { path }] of rows) {
      const shared = machine.resolveState({ value: stateValueOf(path), context: {} });
      const place: Place = { name, shared, on: new Map(), always: [] };
      this.#places.set(name, place).set(shared.value, place);
    }
    const { guards, actions } = machine.implementations as Implementations;
    const bound = ({ guard, actions: acts, to }: Way): Bound => ({
      may: guard === null ? null : (guards[guard.type] as Guard),
      params: guard?.params,
      acts: acts.map(({ type, params }) => ({ assign: assignerOf(actions[type]), params })),
      to: to === null ? null : this.#at(to),
    });
    for (const [name, { on, always }] of rows) {
      const place = this.#at(name);
      place.on = new Map([...on].map(([type, ways]) => [type, ways.map(bound)]));
      place.always = always.map(bound);
    }
    this.#first = bound(first);
  }

  begin(input: unknown): AnyMachineSnapshot {
    const event = { type: 'xstate.init', input };
    const context = this.#machine.config.context({ input });
    const begun = { place: this.#first.to as Place, context: changed(context, this.#first, event) };
    return snapshotOf(settled(begun, event), begun.place.shared);
  }

  /**
   * The next snapshot; `null` where nothing changes, and `undefined` where only XState can tell: of an event that no state knows, and
   * of a saga that has ended.
   * @param context in the place of the snapshot's own
   */
  next(
    snapshot: AnyMachineSnapshot,
    context: SagaContext,
    event: AnyEventObject,
  ): AnyMachineSnapshot | null | undefined {
    const { value, status } = snapshot;
    const place = this.#places.get(value) ?? this.#places.get(nameOf(value));
    if (place === undefined || status !== 'active' || !this.#types.has(event.type)) return undefined;
    const from = { place, context };
    const to = settled(stepped(from, place.on.get(event.type), event) ?? from, event);
    return to === from ? null : snapshotOf(to, snapshot);
  }

  /**
   * One way alone, without those that follow of themselves: what a check compares. Answers the state that it leads to, or `null`
   * where nothing changes.
   * @param type of the event; `null` for a way that is gone of itself
   */
  step(state: string, type: string | null): string | null {
    const place = this.#at(state);
    const ways = type === null ? place.always : place.on.get(type);
    const context = place.shared.context as SagaContext;
    return stepped({ place, context }, ways, { type: type ?? '' })?.place.name ?? null;
  }

  #at(name: string): Place {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`no state ${name}`);
    return place;
  }
}

/** Where the first way leads that may be gone; `null` where there is none, and where it changes nothing. */
function stepped(
  { place, context }: Standing,
  ways: readonly Bound[] | undefined,
  event: AnyEventObject,
): Standing | null {
  const way = ways?.find(({ may, params }) => may === null || may({ context, event }, params));
  if (way === undefined || (way.acts.length === 0 && (way.to ?? place) === place)) return null;
  return { place: way.to ?? place, context: changed(context, way, event) };
}

/** Where it comes to rest. */
function settled(start: Standing, event: AnyEventObject): Standing {
  let now = start;
  while (now.place.shared.status === 'active') {
    const next = stepped(now, now.place.always, event);
    if (next === null) break;
    now = next;
  }
  return now;
}

function changed(context: SagaContext, { acts }: Bound, event: AnyEventObject): SagaContext {
  let now = context;
  for (const { assign, params } of acts)
    now = Object.assign({}, now, assign({ context: now, event }, params));
  return now;
}

/** Field by field as XState makes them, in its order: whoever writes or compares snapshots sees no other. */
function snapshotOf(
  { place: { shared }, context }: Standing,
  before: AnyMachineSnapshot,
): AnyMachineSnapshot {
  return {
    status: shared.status,
    output: before.output,
    error: before.error,
    machine: before.machine,
    context,
    _nodes: shared._nodes,
    value: shared.value,
    tags: shared.tags,
    children: before.children,
    historyValue: before.historyValue,
    matches: shared.matches,
    hasTag: shared.hasTag,
    can: shared.can,
    getMeta: shared.getMeta,
    toJSON: shared.toJSON,
  } as AnyMachineSnapshot;
}

function assignerOf(action: unknown): Assigner {
  const { assignment } = action as { readonly assignment: Assigner | Readonly<Record<string, unknown>> };
  if (typeof assignment === 'function') return assignment;
  const fields = Object.entries(assignment);
  return (given, params) => {
    const update: Record<string, unknown> = {};
    for (const [name, value] of fields)
      update[name] = typeof value === 'function' ? (value as Assigner)(given, params) : value;
    return update;
  };
}

/** As XState writes where a saga stands. */
export function stateValueOf([state = '', ...inside]: readonly string[]): StateValue {
  return inside.length === 0 ? state : { [state]: stateValueOf(inside) };
}
