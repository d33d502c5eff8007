/** What a machine is made of, read off its states: names, announced calls, and a hash of it all. */
import { createHash } from 'node:crypto';
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, StateValue } from 'xstate';
import type { CallMeta, CallPolicy } from './saga.ts';

/** `processingPayment.calling`: a state value as a name. States that are active beside each other: `booking(flight.done,hotel.calling)`. */
export function nameOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  let name = '';
  let regions = 0;
  for (const region in value) {
    regions += 1;
    const own = below(region, value[region] as StateValue);
    name = regions === 1 ? own : `${name},${own}`;
  }
  return regions === 1 ? name : `(${name})`;
}

function below(parent: string, child: StateValue): string {
  const name = nameOf(child);
  return name.startsWith('(') ? parent + name : `${parent}.${name}`;
}

/** The innermost states of a value, each by its name. */
export function leavesOf(value: StateValue, within = ''): string[] {
  if (typeof value === 'string') return [within + value];
  return Object.entries(value).flatMap(([parent, child]) =>
    leavesOf(child as StateValue, `${within}${parent}.`),
  );
}

/** The innermost states that a name of {@link nameOf} speaks of, each by its own name. */
export function leavesIn(name: string, within = ''): string[] {
  const open = name.indexOf('(');
  if (open < 0) return [within + name];
  const leaves: string[] = [];
  let [depth, from] = [0, open + 1];
  for (let at = from; at < name.length; at += 1) {
    const char = name[at];
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth < 0 || (depth === 0 && char === ',')) {
      leaves.push(...leavesIn(name.slice(from, at), `${within}${name.slice(0, open)}.`));
      from = at + 1;
    }
  }
  return leaves;
}

/** All states but the root, parents before children. */
export function statesIn(machine: AnyStateMachine): AnyStateNode[] {
  const below = (node: AnyStateNode): AnyStateNode[] =>
    Object.values(node.states).flatMap((child) => [child, ...below(child)]);
  return below(machine.root);
}

/** Whether there is no state inside of it. */
export function isInnermost({ states }: AnyStateNode): boolean {
  return Object.keys(states).length === 0;
}

/** A state's name below its machine, as {@link nameOf} gives it. */
export function nodeName(node: AnyStateNode): string {
  return node.path.join('.');
}

/** The calls that states announce, by the state's name. */
export function callStates(machine: AnyStateMachine): Map<string, CallMeta> {
  const calls = statesIn(machine).filter((node) => node.tags.includes('calling'));
  return new Map(calls.map((node) => [nodeName(node), node.meta as CallMeta]));
}

/** A state's own transitions, eventless ones included, in the order in which they are tried. */
export function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

/**
 * Hash of the structure: states, transitions in the order in which they are tried, guards and actions by name and by what they
 * are given, and announced calls. Numbers of policies are left out: a longer time-out does not make another machine,
 * and the sagas that run may be driven by it. What a function does is not seen, neither of a guard nor of a step.
 */
export function structureOf(machine: AnyStateMachine): string {
  const shape = [machine.root, ...statesIn(machine)].map((node) => ({
    state: nodeName(node),
    type: node.type,
    history: node.history,
    tags: node.tags,
    call: node.meta,
    initial: node.initial.target.map(nodeName),
    entry: node.entry.map(structural),
    exit: node.exit.map(structural),
    transitions: transitionsOf(node).map((transition) => ({
      event: transition.eventType,
      guard: structural(transition.guard),
      target: transition.target?.map(nodeName),
      reenter: transition.reenter,
      actions: transition.actions.map(structural),
    })),
  }));
  return createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16);
}

/** A guard or an action as far as it is structure. */
function structural(given: unknown): unknown {
  // JSON would drop a function. Its text is no use, because compilers write it differently.
  if (typeof given === 'function') return `inline ${given.name}`;
  if (typeof given !== 'object' || given === null) return given;
  const { type, params } = given as { readonly type: string; readonly params?: unknown };
  if (typeof params === 'function') return [type, `inline ${params.name}`];
  const shown = Object.entries(params ?? {}).filter(([name]) => !POLICY_NUMBERS.has(name));
  return shown.length === 0 ? type : [type, Object.fromEntries(shown)];
}

const POLICY_NUMBERS: ReadonlySet<string> = new Set<keyof CallPolicy>([
  'timeoutMs',
  'attemptsMax',
  'backoffMs',
  'backoffMaxMs',
]);
