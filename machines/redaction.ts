/** Taking secrets out of what is shown: by their place in the data, and wherever else their values stand. */
import { ExactNumber } from '../json/exact.ts';
import type { SagaData } from './saga.ts';

/** What stands in a secret's place. */
export const REDACTED = '[redacted]';

/** Dotted paths into the data, each as its names. */
type Paths = readonly (readonly string[])[];

/** The values of secrets by which they would be found elsewhere. */
export function secretsIn(data: SagaData, paths: Paths): readonly string[] {
  return paths.map((path) => path.reduce<unknown>(memberOf, data)).filter(isTelling);
}

function memberOf(at: unknown, name: string): unknown {
  return typeof at === 'object' && at !== null ? (at as SagaData)[name] : undefined;
}

/** A value of a few letters would be found everywhere, and taking it out would hide nothing and garble much. */
function isTelling(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 6;
}

/** @param instead stands where something was; where it is `undefined`, nothing does */
export function withoutPaths(data: SagaData, paths: Paths, instead: string | undefined): SagaData {
  const left: Record<string, unknown> = { ...data };
  for (const [name, ...rest] of paths) {
    if (name === undefined || !(name in left)) continue;
    if (rest.length > 0) left[name] = withoutPaths(left[name] as SagaData, [rest], instead);
    else if (instead === undefined) delete left[name];
    else left[name] = instead;
  }
  return left;
}

/** The same JSON with every occurrence of the values taken out of its texts; itself where there is none, as nearly always. */
export function withoutValues(json: unknown, values: readonly string[]): unknown {
  if (!holdsAny(json, values)) return json;
  if (typeof json === 'string') return values.reduce((text, value) => text.replaceAll(value, REDACTED), json);
  if (Array.isArray(json)) return json.map((item) => withoutValues(item, values));
  return Object.fromEntries(
    Object.entries(json as object).map(([name, value]) => [name, withoutValues(value, values)]),
  );
}

function holdsAny(json: unknown, values: readonly string[]): boolean {
  if (typeof json === 'string') return values.some((value) => json.includes(value));
  if (typeof json !== 'object' || json === null || json instanceof ExactNumber) return false;
  return Object.values(json).some((inner) => holdsAny(inner, values));
}
