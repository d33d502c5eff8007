/** The order saga for coordinators that tests start in their own process. */
import type { SagaDefinition } from '../../machines/index.ts';
import { type Sagas, sagasOf } from '../../server/assembly.ts';
import { loadSagas } from '../../server/saga-modules.ts';

const blueprints = await loadSagas(undefined);
const made = new Map<string, readonly SagaDefinition[]>();

/** One machine for the same policies: the check of a machine is remembered with it, and takes longer than most tests. */
export const orderSagas: Sagas = (settings) => {
  const policies = blueprints.flatMap((blueprint) =>
    blueprint.steps.flatMap(({ name }) =>
      (['action', 'compensation'] as const).map((kind) => settings.policiesOf(blueprint)(name, kind)),
    ),
  );
  const key = JSON.stringify([policies, settings.sagaDeadlineMs]);
  const sagas = made.get(key) ?? sagasOf(blueprints)(settings);
  made.set(key, sagas);
  return sagas;
};
