/** What a machine is made of, read off its states: names, announced calls, and a hash of it all. */
import { createHash } from 'node:crypto';
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, StateValue } from 'xstate';
import type { CallMeta } from './saga.ts';

/** `processingPayment.calling`: a state value as a name. Sagas have no parallel states. */
export function nameOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  for (const [parent, child] of Object.entries(value)) {
    return child === undefined ? parent : `${parent}.${nameOf(child)}`;
  }
  return '';
}

/** All states but the root, parents before children. */
export function statesIn(machine: AnyStateMachine): AnyStateNode[] {
  const below = (node: AnyStateNode): AnyStateNode[] =>
    Object.values(node.states).flatMap((child) => [child, ...below(child)]);
  return below(machine.root);
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
 * Hash of the structure. Numbers of policies are left out: a longer time-out does not make another machine, and the
 * sagas that run may be driven by it.
 */
export function structureOf(machine: AnyStateMachine): string {
  const typeOf = (named: unknown) => {
    // JSON would drop a function. Its text is no use, because compilers write it differently.
    if (typeof named === 'function') return `inline ${named.name}`;
    return typeof named === 'object' && named !== null ? (named as { type: string }).type : named;
  };
  const shape = [machine.root, ...statesIn(machine)].map((node) => ({
    state: nodeName(node),
    type: node.type,
    tags: node.tags,
    call: node.meta,
    initial: node.initial?.target.map(nodeName),
    entry: node.entry.map(typeOf),
    exit: node.exit.map(typeOf),
    transitions: transitionsOf(node).map((transition) => ({
      event: transition.eventType,
      guard: typeOf(transition.guard),
      target: transition.target?.map(nodeName),
      actions: transition.actions.map(typeOf),
    })),
  }));
  return createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16);
}
