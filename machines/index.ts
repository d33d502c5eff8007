/**
 * What the rest of the product knows of machines: the registry, the machines in it, which are driven purely, and the words of
 * what they ask for. Snapshots are opaque to everybody else.
 */

export type { Expectation, Wait } from './activities.ts';
export { faultIn, kindOf } from './answer.ts';
export type * from './asks.ts';
export { activitiesIn, callTo, hasCall, onlyCall, onlyWait } from './asks.ts';
export { DefinitionError, defined } from './defined.ts';
export {
  type Migration,
  RegisteredMachine,
  type SagaDefinition,
  type SagaSnapshot,
} from './registered.ts';
export { Registry } from './registry.ts';
export type * from './saga.ts';
export { nameOf } from './structure.ts';
export type { Difference, Tell } from './transitions.ts';
