/**
 * The transitions of a machine as rows of a table, read off its states once by XState's rules for what a transition leaves and
 * enters. XState stays the source, and the judge: see table-check.ts, and docs/decisions/transition-table.md.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { isInnermost, nodeName, statesIn, transitionsOf } from './structure.ts';

/** A guard or an action as a state names it. */
export interface Word {
  readonly type: string;
  readonly params: unknown;
}

/** What may become of a saga. */
export interface Way {
  /** `null` where nothing need be asked. */
  readonly guard: Word | null;
  /** Its own; what the states do that it enters comes behind those of all ways that are gone at once. */
  readonly actions: readonly Word[];
  /** `null` where it leads out of no state. */
  readonly move: Move | null;
}

/** From where to where a way leads, in names of states; the root's is empty. */
export interface Move {
  readonly source: string;
  /** What is inside is left; it stays itself. */
  readonly domain: string;
  /** In the order in which they are entered. */
  readonly entered: readonly string[];
}

/**
 * What is asked together: ways are tried in their order. A row is that of an innermost state, with the states around it last, as far as
 * none of them is parallel; or that of a parallel state, which is asked where no state inside of it says anything.
 */
export interface Row {
  /** By the type of the event. */
  readonly on: ReadonlyMap<string, readonly Way[]>;
  readonly always: readonly Way[];
}

export interface Rows {
  /** The states in which a saga begins, from the root on. */
  readonly first: readonly string[];
  /** By the name of the state. */
  readonly rows: ReadonlyMap<string, Row>;
  /** What each state does that is entered, by its name. */
  readonly entries: ReadonlyMap<string, readonly Word[]>;
  /** Of all events that any state knows. */
  readonly types: ReadonlySet<string>;
}

/** What a machine's words mean, by their names. */
export interface Implementations {
  readonly guards: Readonly<Record<string, unknown>>;
  readonly actions: Readonly<Record<string, unknown>>;
}

/** Why transitions of a machine cannot be looked up; `null` where they can be. */
export function unfitIn(machine: AnyStateMachine): string | null {
  const { guards, actions } = machine.implementations as Implementations;
  if (typeof machine.config.context !== 'function') return 'its context is no function of its input';
  for (const node of [machine.root, ...statesIn(machine)]) {
    const name = nodeName(node) || '(root)';
    const unfit = unfitAt(node);
    if (unfit !== null) return `${name} ${unfit}`;
    for (const { eventType, guard, target, actions: own, source, reenter } of transitionsOf(node)) {
      if (eventType.includes('*')) return `${name} takes ${eventType}`;
      if ((target?.length ?? 1) !== 1) return `${name} leads to several states`;
      if (reenter && source.parent === undefined) return `${name} begins anew`;
      const asked = guard === undefined ? undefined : guards[wordOf(guard)?.type ?? ''];
      if (guard !== undefined && (typeof asked !== 'function' || 'check' in asked))
        return `${name} has a guard that is no function with a name`;
      if (![...node.entry, ...own].every((action) => isAssign(actions[wordOf(action)?.type ?? ''])))
        return `${name} has an action that is no assignment with a name`;
    }
  }
  return null;
}

function unfitAt(node: AnyStateNode): string | null {
  const { type, parent, invoke, exit, output, initial } = node;
  if (type === 'parallel') {
    if (parent === undefined) return 'is parallel';
    // XState would ask what it goes on to once for each branch.
    if (outwards(node).some(({ always }) => always !== undefined)) return 'is parallel and goes on of itself';
    if (Object.values(node.states).some(isInnermost)) return 'has a branch without states';
  }
  if (type === 'history' || invoke.length > 0 || exit.length > 0 || output !== undefined)
    return 'does more than a table knows';
  return initial.actions.length > 0 ? 'does something at its beginning' : null;
}

export function rowsOf(machine: AnyStateMachine): Rows {
  const rows = new Map<string, Row>();
  const types = new Set<string>();
  const all = [machine.root, ...statesIn(machine)];
  for (const node of all) {
    if (!isInnermost(node) && node.type !== 'parallel') continue;
    const asked = askedAt(node);
    const on = new Map<string, readonly Way[]>();
    for (const { transitions } of asked) {
      for (const [type, found] of transitions) {
        types.add(type);
        on.set(type, [...(on.get(type) ?? []), ...found.map(wayOf)]);
      }
    }
    rows.set(nodeName(node), { on, always: asked.flatMap(({ always }) => (always ?? []).map(wayOf)) });
  }
  const entries = new Map(all.map((node) => [nodeName(node), node.entry.map(wordOf) as Word[]]));
  return { first: namesOf([machine.root, ...inside(machine.root)]), rows, entries, types };
}

/** A state and those around it, as far as they are asked along with it. */
function askedAt(node: AnyStateNode): AnyStateNode[] {
  const { parent } = node;
  return parent === undefined || parent.type === 'parallel' ? [node] : [node, ...askedAt(parent)];
}

function wayOf({ guard, actions, target, source, reenter }: AnyTransitionDefinition): Way {
  const own = { guard: guard === undefined ? null : wordOf(guard), actions: actions.map(wordOf) as Word[] };
  const [to] = target ?? [];
  if (to === undefined) return { ...own, move: null };
  // What is around both stays as it is; a state that leads into itself stays, too, unless it says otherwise.
  const isInside = !reenter && outwards(to).includes(source);
  const around = outwards(to)
    .slice(1)
    .find((node) => outwards(source).slice(1).includes(node));
  const domain = isInside ? source : (around ?? to.machine.root);
  const between = outwards(to).slice(0, outwards(to).indexOf(domain));
  const entered = new Set([...between, ...inside(to)]);
  // Who enters one branch enters all of them.
  for (const { type, states } of [...between.slice(1), domain]) {
    if (type !== 'parallel') continue;
    for (const branch of Object.values(states))
      if (![...entered].some((one) => outwards(one).includes(branch)))
        for (const one of [branch, ...inside(branch)]) entered.add(one);
  }
  return {
    ...own,
    move: { source: nodeName(source), domain: nodeName(domain), entered: namesOf([...entered]) },
  };
}

/** In the order in which states are entered. */
function namesOf(nodes: readonly AnyStateNode[]): string[] {
  return [...nodes].sort((one, other) => one.order - other.order).map(nodeName);
}

/** The states that are entered with one, inside of it. */
function inside(node: AnyStateNode): AnyStateNode[] {
  const entered = node.type === 'parallel' ? Object.values(node.states) : node.initial.target;
  return entered.flatMap((one) => [one, ...inside(one)]);
}

/** A state and what is around it, the root last. */
function outwards(node: AnyStateNode): AnyStateNode[] {
  return node.parent === undefined ? [node] : [node, ...outwards(node.parent)];
}

/** `null` for a function without a name, and for params that are found out only when it is done. */
function wordOf(given: unknown): Word | null {
  if (typeof given === 'string') return { type: given, params: undefined };
  if (typeof given !== 'object' || given === null) return null;
  const { type, params } = given as { readonly type: string; readonly params?: unknown };
  return typeof params === 'function' ? null : { type, params };
}

function isAssign(found: unknown): boolean {
  return (found as { type?: unknown } | undefined)?.type === 'xstate.assign';
}
