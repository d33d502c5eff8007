/**
 * How calls are made and repeated, from the environment and from the definitions of sagas. What is nearer to the call goes
 * before what is farther: `TRIP_HOTEL_ACTION_TIMEOUT_MS`, `HOTEL_ACTION_TIMEOUT_MS`, what the definition of the step says,
 * `ACTION_TIMEOUT_MS`, and last the default.
 */
import type { z } from 'zod';
import type { CallPolicy, Kind, Policies } from '../machines/index.ts';
import type { Step } from '../machines/parts.ts';
import { ms, whole } from './numbers.ts';

/** What of a saga decides about settings. Several versions of one saga may come one after the other. */
export interface SagaOutline {
  readonly id: string;
  readonly steps: readonly Pick<Step, 'name' | 'participant' | 'policies'>[];
  /** The stub participants that it brings, with their ports: `npm start` runs them where no URL is set. */
  readonly stubs?: Readonly<Record<string, number>>;
}

/** Defaults of the calls' policies. An undo is tried longer: what it leaves behind is somebody's money. */
const DEFAULTS: Readonly<Record<Kind, CallPolicy>> = {
  action: { timeoutMs: 10_000, attemptsMax: 5, backoffMs: 200, backoffMaxMs: 10_000 },
  compensation: { timeoutMs: 10_000, attemptsMax: 10, backoffMs: 200, backoffMaxMs: 30_000 },
};
const KINDS = ['action', 'compensation'] as const;
const FIELDS = {
  timeoutMs: ['TIMEOUT_MS', ms],
  attemptsMax: ['ATTEMPTS_MAX', whole(1, 1000)],
  backoffMs: ['BACKOFF_MS', ms],
  backoffMaxMs: ['BACKOFF_MAX_MS', ms],
} as const;

export interface PolicySettings {
  /** The policies of a saga's calls. A step that the saga does not have is called like any other. */
  readonly policiesOf: (saga: SagaOutline) => Policies;
  /** The longest time-out of any call. */
  readonly callTimeoutMaxMs: number;
}

/** @param parse answers what a variable holds, `undefined` where it is not set or cannot be used */
export function readPolicies(
  parse: <T>(name: string, type: z.ZodType<T>) => T | undefined,
  sagas: readonly SagaOutline[],
): PolicySettings {
  const given = new Map<string, Partial<CallPolicy>>();
  const read = (prefix: string, kind: Kind): Partial<CallPolicy> => {
    const name = prefix + kind.toUpperCase();
    const known = given.get(name);
    if (known !== undefined) return known;
    const fields = Object.entries(FIELDS).flatMap(([field, [suffix, type]]) => {
      const value = parse<number | undefined>(`${name}_${suffix}`, type.optional());
      return value === undefined ? [] : [[field, value] as const];
    });
    const policy = Object.fromEntries(fields);
    given.set(name, policy);
    return policy;
  };
  const policiesOf = ({ id, steps }: SagaOutline): Policies => {
    const found = new Map<string, CallPolicy>();
    for (const { name, policies } of steps) {
      for (const kind of KINDS) {
        const [nearest, near] = prefixesOf(id, name);
        found.set(`${name}/${kind}`, {
          ...DEFAULTS[kind],
          ...read('', kind),
          ...policies?.[kind],
          ...read(near, kind),
          ...read(nearest, kind),
        });
      }
    }
    return (step, kind) => found.get(`${step}/${kind}`) ?? { ...DEFAULTS[kind], ...read('', kind) };
  };
  // Once, so that all that cannot be used is told together.
  const timeouts = sagas.flatMap((saga) => {
    const policies = policiesOf(saga);
    return saga.steps.flatMap(({ name }) => KINDS.map((kind) => policies(name, kind).timeoutMs));
  });
  return { policiesOf, callTimeoutMaxMs: Math.max(...timeouts) };
}

/** What stands before the name of a step's policy, with the saga's name and without. */
function prefixesOf(saga: string, step: string): [nearest: string, near: string] {
  return [`${inCapitals(saga)}_${inCapitals(step)}_`, `${inCapitals(step)}_`];
}

/** A name of a saga, step or participant as it stands in names of variables. */
export function inCapitals(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** The policies of all calls, by name with their defaults. */
export function policyVariables(): readonly (readonly [string, number])[] {
  return KINDS.flatMap((kind) =>
    Object.entries(FIELDS).map(
      ([field, [suffix]]) =>
        [`${kind.toUpperCase()}_${suffix}`, DEFAULTS[kind][field as keyof CallPolicy]] as const,
    ),
  );
}

/** What names steps in variables: without their saga in front, and with it. */
export function stepNames(sagas: readonly SagaOutline[]): {
  readonly plain: readonly string[];
  readonly qualified: readonly string[];
} {
  const names = sagas.flatMap(({ id, steps }) => steps.map(({ name }) => prefixesOf(id, name)));
  const distinct = (prefixes: readonly string[]) => [
    ...new Set(prefixes.map((prefix) => prefix.slice(0, -1))),
  ];
  return {
    plain: distinct(names.map(([, near]) => near)),
    qualified: distinct(names.map(([nearest]) => nearest)),
  };
}
