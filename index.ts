/**
 * What an application imports: sagas are defined and checked here, and run by a coordinator in it. Every name is a promise, and docs/api.md lists them.
 *
 * What is heavy is loaded when it is used, so that a module that only defines a saga costs next to nothing.
 */
import type { Saga } from './machines/define.ts';
import { nodeFault } from './node-version.ts';

const fault = nodeFault();
if (fault !== null) throw new Error(fault);

/**
 * Holds a saga against the rules that it must keep before a coordinator drives it: every path ends, everything that is done is
 * undone or said to be held, undo order mirrors do order. A coordinator does the same at its start; a test does it sooner.
 *
 * ```ts
 * await checkSaga(booking);
 * ```
 *
 * @throws MachineError for the first rule that is broken, with the state and the path that leads there
 * @throws DefinitionError where two parts have one name, or where the definition's own functions fail on what its input allows
 */
export async function checkSaga(saga: Saga): Promise<void> {
  const { checkSaga: check } = await import('./machines/checked.ts');
  check(saga);
}

export { type Problem, ProblemError, type ProblemType } from './client/errors.ts';
export { MachineError, type Rule } from './machines/check.ts';
export {
  type ActionOptions,
  type CallOptions,
  type Committed,
  defineSaga,
  type EachOptions,
  type EventOptions,
  type Parts,
  type Saga,
  type SagaOptions,
  type StepOptions,
  type UndoOptions,
} from './machines/define.ts';
export { DefinitionError } from './machines/defined.ts';
export type { Duration } from './machines/duration.ts';
export type { HeldSaid } from './machines/held-said.ts';
export { type Coordinator, createCoordinator } from './server/embed/coordinator.ts';
export type { CoordinatorOptions, ParticipantOptions } from './server/embed/options.ts';
export { memoryStore, type RedisStoreOptions, redisStore, type Store } from './server/embed/stores.ts';
