/**
 * The transitions of a machine, looked up. XState finds out anew at each step which states an event leaves and enters, and what is
 * done on the way; that is the same each time, and so it is found out once, for each place in which a saga was seen to stand.
 */
import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine, AnyStateNode, StateValue } from 'xstate';
import type { SagaContext } from './saga.ts';
import { isInnermost, nodeName, statesIn } from './structure.ts';
import type { Implementations, Move, Rows, Way, Word } from './transition-rows.ts';

interface Given {
  readonly context: SagaContext;
  readonly event: AnyEventObject;
}
type Guard = (given: Given, params: unknown) => boolean;
type Assigner = (given: Given, params: unknown) => Partial<SagaContext>;

interface Act {
  readonly assign: Assigner;
  readonly params: unknown;
}

/** A way with the functions that its words name. */
interface Bound {
  readonly number: number;
  readonly may: Guard | null;
  readonly params: unknown;
  readonly acts: readonly Act[];
  readonly move: Move | null;
}

/** Whose ways are asked: those of an innermost state, or, where none inside has any, those of a parallel one. */
interface Asked {
  readonly on: ReadonlyMap<string, readonly Bound[]>;
  readonly always: readonly Bound[];
  readonly inside: readonly Asked[];
}

/** Where a saga stands, with what all snapshots share of sagas that stand there. */
interface Place {
  readonly shared: AnyMachineSnapshot;
  readonly asked: Asked;
  /** In the order in which XState asks what they go on to of themselves. */
  readonly innermost: readonly Asked[];
  /** What comes of ways that are gone at once, by their numbers. */
  readonly outcomes: Map<number | string, Outcome>;
}

interface Outcome {
  readonly to: Place;
  readonly acts: readonly Act[];
  /** What has ended by it is told to the machine: the types of those events. */
  readonly ended: readonly string[];
}

interface Standing {
  readonly place: Place;
  readonly context: SagaContext;
  readonly ended: readonly string[];
}

/** Where a step leads to, and the events by which the machine is told what has ended. */
interface Step {
  readonly to: AnyMachineSnapshot;
  readonly ended: readonly string[];
}

/** Branches may stand in very many places beside each other. All are forgotten then, and made again as they come. */
const PLACES_MAX = 2_000;

const NO_WAYS: readonly Bound[] = [];
const NOTHING: readonly string[] = [];

/** For machines in which nothing is unfit. */
export class TransitionTable {
  readonly #machine: AnyStateMachine;
  readonly #types: ReadonlySet<string>;
  readonly #first: readonly string[];
  readonly #nodes: ReadonlyMap<string, AnyStateNode>;
  readonly #asked: ReadonlyMap<string, Omit<Asked, 'inside'>>;
  readonly #entries: ReadonlyMap<string, readonly Act[]>;
  /** A snapshot of which all are taken but for what the place says. */
  readonly #anywhere: AnyMachineSnapshot;
  /** By the value that all snapshots share that are made here, and by the states that are active. */
  readonly #places = new Map<StateValue, Place>();
  #beginning: Outcome | null = null;
  #ways = 0;

  constructor(machine: AnyStateMachine, { first, rows, entries, types }: Rows) {
    const { guards, actions } = machine.implementations as Implementations;
    const actOf = ({ type, params }: Word): Act => ({ assign: assignerOf(actions[type]), params });
    const bound = ({ guard, actions: own, move }: Way): Bound => {
      this.#ways += 1;
      const may = guard === null ? null : (guards[guard.type] as Guard);
      return { number: this.#ways, may, params: guard?.params, acts: own.map(actOf), move };
    };
    this.#machine = machine;
    this.#anywhere = machine.resolveState({ value: {}, context: {} });
    this.#types = types;
    this.#first = first;
    this.#nodes = new Map([machine.root, ...statesIn(machine)].map((node) => [nodeName(node), node]));
    this.#asked = mapped(rows, ({ on, always }) => ({
      on: mapped(on, (ways) => ways.map(bound)),
      always: always.map(bound),
    }));
    this.#entries = mapped(entries, (words) => words.map(actOf));
  }

  begin(input: unknown): AnyMachineSnapshot {
    const begun = this.#begun(input);
    return snapshotOf(this.#settled(begun, beginning(input)), begun.place.shared);
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
    if (snapshot.status !== 'active' || !this.#types.has(event.type)) return undefined;
    const place = this.#placeOf(snapshot);
    const from: Standing = { place, context, ended: NOTHING };
    const stepped = this.#stepped(from, event, chosen(place.asked, context, event));
    const to = this.#settled(stepped ?? from, event);
    return to === from ? null : snapshotOf(to, snapshot);
  }

  /** The beginning alone, without what follows of itself: what a check compares. */
  first(input: unknown): Step {
    const begun = this.#begun(input);
    return { to: snapshotOf(begun, begun.place.shared), ended: begun.ended };
  }

  /**
   * One step alone, without those that follow of themselves. `null` where nothing changes.
   * @param type of the event; `null` for what is gone on to of itself, asked in the order in which events are
   */
  step(snapshot: AnyMachineSnapshot, type: string | null): Step | null {
    const place = this.#placeOf(snapshot);
    const context = snapshot.context as SagaContext;
    const event = { type: type ?? '' };
    const ways = chosen(place.asked, context, event, type === null);
    const to = this.#stepped({ place, context, ended: NOTHING }, event, ways);
    return to === null ? null : { to: snapshotOf(to, snapshot), ended: to.ended };
  }

  #begun(input: unknown): Standing {
    this.#beginning ??= this.#entered(
      [],
      this.#first.map((name) => this.#node(name)),
    );
    const { to, acts, ended } = this.#beginning;
    const context = changed(this.#machine.config.context({ input }), acts, beginning(input));
    return { place: to, context, ended };
  }

  /** Where ways lead that are gone at once; `null` where there are none, and where they change nothing. */
  #stepped({ place, context }: Standing, event: AnyEventObject, ways: readonly Bound[]): Standing | null {
    const [way] = ways;
    if (way === undefined) return null;
    const key = ways.length === 1 ? way.number : ways.map(({ number }) => number).join();
    let outcome = place.outcomes.get(key);
    if (outcome === undefined) {
      outcome = this.#outcomeOf(place, ways);
      place.outcomes.set(key, outcome);
    }
    const { to, acts, ended } = outcome;
    if (acts.length === 0 && ended.length === 0 && to === place) return null;
    return { place: to, context: changed(context, acts, event), ended };
  }

  /** Where it comes to rest. What a state goes on to of itself comes before what it is told has ended. */
  #settled(start: Standing, event: AnyEventObject): Standing {
    let now = start;
    let about = event;
    let told = start.ended;
    let goesOn = true;
    while (now.place.shared.status === 'active') {
      let ways: readonly Bound[] = goesOn ? goingOn(now.place, now.context, about) : NO_WAYS;
      const isOfItself = ways.length > 0;
      if (!isOfItself) {
        const [type] = told;
        if (type === undefined) break;
        told = told.slice(1);
        about = { type, output: undefined };
        ways = chosen(now.place.asked, now.context, about);
      }
      const next = this.#stepped(now, about, ways);
      goesOn = next !== null || !isOfItself;
      if (next === null) continue;
      now = next;
      if (next.ended.length > 0) told = [...told, ...next.ended];
    }
    return now;
  }

  #outcomeOf(place: Place, ways: readonly Bound[]): Outcome {
    const gone = this.#compatible(ways);
    const domains = gone.flatMap(({ move }) => (move === null ? [] : [this.#node(move.domain)]));
    const stays = place.shared._nodes.filter((node) => !domains.some((domain) => isBelow(node, domain)));
    const entered = gone.flatMap(({ move }) => move?.entered ?? []).map((name) => this.#node(name));
    const { to, acts, ended } = this.#entered(
      stays,
      entered.sort((one, other) => one.order - other.order),
    );
    const own = gone.flatMap((way) => way.acts);
    const isSame = place.shared._nodes.every((node) => to.shared._nodes.includes(node));
    return { to: isSame ? place : to, acts: [...own, ...acts], ended };
  }

  /** Of ways that leave the same states, the first is gone. */
  #compatible(ways: readonly Bound[]): readonly Bound[] {
    const gone: Bound[] = [];
    for (const way of ways) if (!gone.some((one) => this.#isAgainst(way, one))) gone.push(way);
    return gone;
  }

  #isAgainst({ move: one }: Bound, { move: other }: Bound): boolean {
    if (one === null || other === null) return false;
    const [a, b] = [this.#node(one.domain), this.#node(other.domain)];
    return !isInnermost(a) && !isInnermost(b) && (a === b || isBelow(a, b) || isBelow(b, a));
  }

  /** What comes of entering states, one after the other, beside those that stay. */
  #entered(stays: readonly AnyStateNode[], entered: readonly AnyStateNode[]): Outcome {
    const nodes = new Set(stays);
    const ended: string[] = [];
    const told = new Set<AnyStateNode>();
    for (const node of entered) {
      nodes.add(node);
      const { parent } = node;
      if (node.type !== 'final' || parent === undefined) continue;
      ended.push(endOf(parent));
      let around = parent.parent;
      while (around?.type === 'parallel' && !told.has(around) && hasEnded(around, nodes)) {
        told.add(around);
        ended.push(endOf(around));
        around = around.parent;
      }
    }
    const acts = entered.flatMap((node) => this.#entries.get(nodeName(node)) ?? []);
    return { to: this.#placeAt([...nodes]), acts, ended };
  }

  #placeOf({ value, _nodes }: AnyMachineSnapshot): Place {
    return this.#places.get(value) ?? this.#placeAt(_nodes);
  }

  /** @param nodes all that are active, in XState's order */
  #placeAt(nodes: readonly AnyStateNode[]): Place {
    const key = nodes.map(nodeName).join(' ');
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const { root } = this.#machine;
    const value = stateOf(root, nodes);
    const hasEnded = nodes.some(({ type, parent }) => type === 'final' && parent === root);
    const own = { status: hasEnded ? 'done' : 'active', _nodes: nodes, value };
    const tags = new Set(nodes.flatMap((node) => node.tags));
    const place: Place = {
      shared: Object.assign({}, this.#anywhere, own, { tags }) as AnyMachineSnapshot,
      asked: this.#askedIn(root, nodes),
      innermost: nodes.filter(isInnermost).map((node) => this.#askedIn(node, nodes)),
      outcomes: new Map(),
    };
    if (this.#places.size >= 2 * PLACES_MAX) this.#places.clear();
    this.#places.set(key, place).set(value, place);
    return place;
  }

  #askedIn(node: AnyStateNode, nodes: readonly AnyStateNode[]): Asked {
    const children = nodes.filter(({ parent }) => parent === node);
    const [child] = children;
    if (node.type !== 'parallel' && child !== undefined) return this.#askedIn(child, nodes);
    const row = this.#asked.get(nodeName(node));
    if (row === undefined) throw new Error(`no state ${nodeName(node)}`);
    return { ...row, inside: children.map((branch) => this.#askedIn(branch, nodes)) };
  }

  #node(name: string): AnyStateNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no state ${name}`);
    return node;
  }
}

function beginning(input: unknown): AnyEventObject {
  return { type: 'xstate.init', input };
}

/**
 * The first that may be gone of each branch.
 * @param ofItself without an event, as a check asks
 */
function chosen(
  { on, always, inside }: Asked,
  context: SagaContext,
  event: AnyEventObject,
  ofItself = false,
): readonly Bound[] {
  if (inside.length > 0) {
    const ways = inside.flatMap((branch) => chosen(branch, context, event, ofItself));
    if (ways.length > 0) return ways;
  }
  const way = firstOf(ofItself ? always : on.get(event.type), context, event);
  return way === undefined ? NO_WAYS : [way];
}

/** What is gone on to of itself. */
function goingOn({ innermost }: Place, context: SagaContext, event: AnyEventObject): readonly Bound[] {
  let ways = NO_WAYS;
  for (const { always } of innermost) {
    const way = always.length === 0 ? undefined : firstOf(always, context, event);
    if (way !== undefined) ways = ways.length === 0 ? [way] : [...ways, way];
  }
  return ways;
}

function firstOf(
  ways: readonly Bound[] | undefined,
  context: SagaContext,
  event: AnyEventObject,
): Bound | undefined {
  return ways?.find(({ may, params }) => may === null || may({ context, event }, params));
}

function changed(context: SagaContext, acts: readonly Act[], event: AnyEventObject): SagaContext {
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
function stateOf(node: AnyStateNode, nodes: readonly AnyStateNode[]): StateValue {
  const children = nodes.filter(({ parent }) => parent === node);
  const [child] = children;
  if (child !== undefined && isInnermost(child)) return child.key;
  return Object.fromEntries(children.map((one) => [one.key, stateOf(one, nodes)]));
}

/** The event by which a machine is told that what is inside a state has ended. */
export function endOf({ id }: AnyStateNode): string {
  return `xstate.done.state.${id}`;
}

function hasEnded({ type, states }: AnyStateNode, nodes: ReadonlySet<AnyStateNode>): boolean {
  const children = Object.values(states);
  if (type === 'parallel') return children.every((child) => hasEnded(child, nodes));
  return children.some((child) => child.type === 'final' && nodes.has(child));
}

function isBelow({ parent }: AnyStateNode, around: AnyStateNode): boolean {
  return parent !== undefined && (parent === around || isBelow(parent, around));
}

function mapped<From, To>(all: ReadonlyMap<string, From>, to: (one: From) => To): Map<string, To> {
  return new Map([...all].map(([name, one]) => [name, to(one)]));
}
