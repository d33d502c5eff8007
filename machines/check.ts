/**
 * The rules that a machine must keep before a coordinator drives it. A machine that breaks one stops the start,
 * because a saga that cannot end, or cannot be undone, would show it only when money is at stake.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { Step } from './parts.ts';
import type { CallMeta, Kind, OperatorEvent } from './saga.ts';
import { nodeName, statesIn, transitionsOf } from './structure.ts';

export type Rule =
  /**
   * All that happens comes as an event, and the snapshot is JSON: nothing is invoked, spawned, raised or timed by XState, which
   * would forget it in a restart; no history states, no parallel root.
   */
  | 'plain'
  /** Every guard and every action is implemented. */
  | 'named'
  /** Every state can be reached. */
  | 'reachable'
  /** Every outcome of a call leads out of its step, if only when no attempts are left. */
  | 'outcomes'
  /** From every state an end or the parked state can be reached, and no step is ever entered twice. */
  | 'ends'
  /** Every action has its compensation. */
  | 'compensated'
  /** Undoing starts at the failed step itself, and goes back step by step to the first. */
  | 'undo-order'
  /** What was done and is not undone is held, and said to be: the saga neither ends over it nor parks without naming it. */
  | 'held'
  /** Behind the pivot nothing is undone. */
  | 'pivot';

export class MachineError extends Error {
  override readonly name = 'MachineError';
  readonly machine: string;
  readonly state: string;
  readonly rule: Rule;

  constructor(machine: string, state: string, rule: Rule, detail: string, path: readonly string[] = []) {
    const way = path.length === 0 ? '' : ` (after: ${path.join(', ')})`;
    super(`machine ${machine}, state ${state}, rule ${rule}: ${detail}${way}`);
    this.machine = machine;
    this.state = state;
    this.rule = rule;
  }
}

/**
 * What can be seen by looking at the states.
 * @throws MachineError for the first rule that is broken
 */
export function checkMachine(machine: AnyStateMachine, steps: readonly Step[]): void {
  const broken = (state: string, rule: Rule, detail: string) =>
    new MachineError(machine.id, state, rule, detail);
  const states = statesIn(machine);
  const atoms = states.filter((node) => Object.keys(node.states).length === 0);
  const isEnd = (node: AnyStateNode) => node.type === 'final' || node.tags.includes('parked');

  const both = steps.find(({ each, asynchronous }) => each !== undefined && asynchronous !== undefined);
  if (both !== undefined)
    throw broken(
      both.name,
      'outcomes',
      `step ${both.name} is asynchronous and has many items, and the outcome of one item cannot be told from outside: ` +
        'let its participant answer each item at once, or take the whole list in one asynchronous step',
    );
  if (machine.root.type === 'parallel')
    throw broken(
      '(root)',
      'plain',
      'the machine itself is parallel: put the branches into a state of their own',
    );
  for (const node of [machine.root, ...states]) {
    const foreign = foreignIn(node);
    if (foreign !== null) throw broken(nodeName(node), 'plain', foreign);
    const missing = missingIn(machine, node);
    if (missing !== null) throw broken(nodeName(node), 'named', missing);
  }

  const reached = new Set(initialOf(machine.root).flatMap((first) => [...reachableFrom(first, nextAtoms)]));
  const isRow = isPlainRow(states, steps);
  for (const node of atoms) {
    if (!reached.has(node)) throw broken(nodeName(node), 'reachable', 'no transition leads here');
  }

  for (const node of atoms) {
    if (![...reachableFrom(node, nextAtoms)].some(isEnd)) {
      throw broken(nodeName(node), 'ends', 'neither a final nor the parked state can be reached from here');
    }
    if (!node.tags.includes('calling') || !isRow) continue;
    for (const outcome of ['done', 'refused', 'retryable', 'unknown']) {
      // The last candidate decides: one with a guard, or none at all, may leave the saga where it is for ever.
      const last = node.transitions.get(outcome)?.at(-1);
      const inside = Object.values(node.parent?.states ?? {});
      if (
        last?.target === undefined ||
        last.guard !== undefined ||
        last.target.some((to) => inside.includes(to))
      )
        throw broken(nodeName(node), 'outcomes', `the outcome ${outcome} need not lead out of the step`);
    }
  }

  if (!isRow) return;
  const statesAfter = (exit: AnyStateNode) => reachableFrom(exit, (at) => (isEnd(at) ? [] : exitsOf(at)));
  const leadsToCall = (exit: AnyStateNode) => [...statesAfter(exit)].some((at) => callOf(at) !== undefined);

  const stepStates = states.filter((node) => callOf(node) !== undefined);
  for (const node of stepStates) {
    if (exitsOf(node).some((exit) => statesAfter(exit).has(node)))
      throw broken(nodeName(node), 'ends', 'the saga can come back to a step that it has left');
  }

  const stateOf = (step: Step, kind: Kind) =>
    stepStates.find((node) => callOf(node)?.step === step.name && callOf(node)?.kind === kind);

  steps.forEach((step, index) => {
    const forward = stateOf(step, 'action');
    if (forward === undefined)
      throw broken('(none)', 'reachable', `no state makes the action of step ${step.name}`);
    const undo = stateOf(step, 'compensation');
    if (undo === undefined)
      throw broken(nodeName(forward), 'compensated', `step ${step.name} has no compensating state`);

    const next = steps[index + 1];
    const wanted = next && stateOf(next, 'action');
    for (const exit of exitsOf(forward, (event) => event === 'done')) {
      // Done, but cancelled meanwhile: then it is undone like one that failed.
      if (exit === undo && isGuarded(forward, exit)) continue;
      if (wanted ? exit !== wanted : leadsToCall(exit)) {
        throw broken(
          nodeName(forward),
          'undo-order',
          `after ${step.name} comes ${next?.name ?? 'an end'}, not ${nodeName(exit)}`,
        );
      }
    }
    for (const exit of exitsOf(forward, (event) => event !== 'done')) {
      if (exit !== undo) {
        throw broken(
          nodeName(forward),
          'undo-order',
          `undoing must begin at ${nodeName(undo)}, not at ${nodeName(exit)}`,
        );
      }
    }
    const previous = steps[index - 1];
    const before = previous && stateOf(previous, 'compensation');
    for (const exit of exitsOf(undo)) {
      if (before ? exit !== before : leadsToCall(exit)) {
        const place = before ? nodeName(before) : 'an end';
        throw broken(
          nodeName(undo),
          'undo-order',
          `after undoing ${step.name} comes ${place}, not ${nodeName(exit)}`,
        );
      }
    }
  });
}

/** Whether `done` leads from a step to this state under a guard alone, so that without one it goes on. */
function isGuarded(step: AnyStateNode, exit: AnyStateNode): boolean {
  const leading = Object.values(step.states)
    .flatMap((child) => child.transitions.get('done') ?? [])
    .filter(({ target }) => target?.includes(exit));
  return leading.every(({ guard }) => guard !== undefined);
}

/** What an operator decides is bound to no order. A cancel is: it undoes like a failure. */
const BY_HAND: ReadonlySet<string> = new Set<OperatorEvent['type']>(['retry', 'skip', 'resolve']);

/** The call that a step's state announces through the calling state inside it. */
function callOf(node: AnyStateNode): CallMeta | undefined {
  const calling = Object.values(node.states).find((child) => child.tags.includes('calling'));
  return calling?.meta as CallMeta | undefined;
}

/** The innermost states that entering a state leads to: one, but of a parallel state one in each region. */
function initialOf(node: AnyStateNode): AnyStateNode[] {
  if (node.type === 'parallel') return Object.values(node.states).flatMap(initialOf);
  const first = node.initial.target[0];
  return first === undefined ? [node] : initialOf(first);
}

/** Whether a saga is a plain row of steps: then its order can be read off its states, and need not be walked. */
function isPlainRow(states: readonly AnyStateNode[], steps: readonly Step[]): boolean {
  const isRow = states.every(
    ({ type, tags, meta, parent }) =>
      type !== 'parallel' &&
      !tags.includes('expecting') &&
      !tags.includes('pivot') &&
      !(tags.includes('waiting') && meta !== undefined) &&
      !(tags.includes('parked') && parent?.parent !== undefined),
  );
  return (
    isRow &&
    steps.every(({ compensation, each }) => 'path' in compensation && each === undefined) &&
    !hasChoice(states)
  );
}

function hasChoice(states: readonly AnyStateNode[]): boolean {
  return states.some(({ entry }) => entry.some((action) => (action as { type?: string }).type === 'choose'));
}

/** What a state has that XState would do by itself; `null` where there is none. */
function foreignIn(node: AnyStateNode): string | null {
  if (node.type === 'history') return 'it is a history state: name the state that is meant';
  if (node.invoke.length > 0) return 'it invokes an actor: announce the call in the meta of a calling state';
  if (node.after.length > 0)
    return 'it has a timer of XState (after), which no restart survives: keep the moment in the context, and wait for the event due';
  const actions = [...node.entry, ...node.exit, ...transitionsOf(node).flatMap((one) => one.actions)];
  for (const action of actions) {
    const type = (action as { type?: string }).type ?? '';
    const name = type.replace(/^xstate\./, '');
    if (type.startsWith('xstate.') && !ALLOWED.has(name))
      return `it has the action ${name}, which makes something that is not in the snapshot: note it in the context (assign) instead`;
  }
  return null;
}

/** Actions of XState's own that only change the context. */
const ALLOWED: ReadonlySet<string> = new Set(['assign']);

/** A guard or an action that a state names and the machine does not implement; `null` where there is none. */
function missingIn(machine: AnyStateMachine, node: AnyStateNode): string | null {
  const { guards, actions } = machine.implementations as {
    readonly guards: Readonly<Record<string, unknown>>;
    readonly actions: Readonly<Record<string, unknown>>;
  };
  const typeOf = (given: unknown) =>
    typeof given === 'string' ? given : (given as { type?: string } | undefined)?.type;
  const transitions = transitionsOf(node);
  for (const { guard } of transitions) {
    const name = typeOf(guard);
    if (name !== undefined && guards[name] === undefined) return `there is no guard ${name}`;
  }
  for (const action of [...node.entry, ...node.exit, ...transitions.flatMap((one) => one.actions)]) {
    const name = typeOf(action);
    if (name !== undefined && !name.startsWith('xstate.') && actions[name] === undefined)
      return `there is no action ${name}`;
  }
  return null;
}

function nextAtoms(node: AnyStateNode): AnyStateNode[] {
  return [node, ...ancestorsOf(node)]
    .flatMap(transitionsOf)
    .flatMap(({ target }) => (target ?? []).flatMap(initialOf));
}

/** The states to which a step's state can be left, on the chosen events or on any; itself, where it is entered anew. */
function exitsOf(node: AnyStateNode, chosen: (event: string) => boolean = () => true): AnyStateNode[] {
  const inside = Object.values(node.states);
  const targets = [node, ...inside, ...ancestorsOf(node)]
    .flatMap(transitionsOf)
    .filter(({ eventType }) => chosen(eventType) && !BY_HAND.has(eventType))
    .flatMap(({ target }) => target ?? []);
  return [...new Set(targets.filter((target) => !inside.includes(target)))];
}

/** What surrounds a state: its transitions hold inside, too. */
function ancestorsOf({ parent }: AnyStateNode): AnyStateNode[] {
  return parent === undefined ? [] : [parent, ...ancestorsOf(parent)];
}

function reachableFrom(start: AnyStateNode, next: (node: AnyStateNode) => AnyStateNode[]): Set<AnyStateNode> {
  const seen = new Set([start]);
  for (const node of seen) for (const found of next(node)) seen.add(found);
  return seen;
}
