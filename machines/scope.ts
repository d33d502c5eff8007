import { type AnyActorScope, type AnyStateMachine, createActor } from 'xstate';
import type { SagaInput } from './saga.ts';

/**
 * Transitions need an actor to belong to, though ours never runs. One that is never started serves all
 * transitions of a machine; making one for each, as xstate's `transition()` does, costs five times the transition itself.
 */
export function inertScope(machine: AnyStateMachine): AnyActorScope {
  const nothing = () => {};
  const self = createActor(machine, { input: { data: {} } satisfies SagaInput });
  return {
    self,
    system: self.system,
    id: '',
    sessionId: '',
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing,
  };
}
