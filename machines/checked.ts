/** Holds a saga of the short form against the rules, before there are settings or anybody to call. */
import type { Saga } from './define.ts';
import { definitionOf } from './definition.ts';
import { Registry } from './registry.ts';
import type { Policies } from './saga.ts';

/** For a check: whether a machine keeps the rules depends on no number. */
export const usualPolicies: Policies = () => ({
  timeoutMs: 1000,
  attemptsMax: 2,
  backoffMs: 100,
  backoffMaxMs: 1000,
});

/** @throws MachineError, DefinitionError */
export function checkSaga(saga: Saga): void {
  new Registry('xstate').register(definitionOf(saga, usualPolicies));
}
