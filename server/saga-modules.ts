/**
 * Where sagas come from: `SAGAS` names modules, each of which exports one or more. What is wrong with one is told with its
 * module, before anything is started.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { usualPolicies } from '../machines/checked.ts';
import type { Saga } from '../machines/define.ts';
import { definitionOf } from '../machines/definition.ts';
import { type Policies, Registry, type SagaDefinition } from '../machines/index.ts';
import { orderSaga } from '../machines/order.ts';
import { returns } from '../machines/returns.ts';
import { trip } from '../machines/trip.ts';
import { ORDER_OUTLINE } from './config.ts';
import { moduleFault } from './module-fault.ts';
import type { SagaOutline } from './policy-settings.ts';

/** A saga whose machine is made when the settings are known. */
export interface SagaBlueprint extends SagaOutline {
  readonly version: string;
  /** As `SAGAS` names it. */
  readonly module: string;
  /** @param deadlineMs of all sagas that say nothing of it themselves */
  readonly define: (policies: Policies, deadlineMs: number | null) => SagaDefinition;
  /** What is wrong with it, and where in its module. */
  readonly fault: (error: unknown) => string;
}

/** As long as a module may take to load: one that awaits for ever at its top would hold the start without a word. */
const LOAD_MS = 30_000;

type Fault = (error: unknown, origin?: Error) => string;

/** What a module exports instead of a saga made by `defineSaga`. */
type Maker = (policies: Policies, deadlineMs?: number) => SagaDefinition;

/** The start is refused, and the message says which module, and what to mend. */
export class SagaModuleError extends Error {
  override readonly name = 'SagaModuleError';
}

/** The sagas that come with the coordinator, as `SAGAS` calls them, each with its stub participants and their ports. */
const BUILT_IN: ReadonlyMap<
  string,
  { readonly saga: Saga | Maker; readonly stubs: SagaOutline['stubs'] & object }
> = new Map([
  ['order', { saga: orderSaga, stubs: ORDER_OUTLINE.stubs ?? {} }],
  ['returns', { saga: returns, stubs: { bank: 8009, warehouse: 8010, carrier: 8011 } }],
  ['trip', { saga: trip, stubs: { airline: 8005, hotel: 8006, insurer: 8007, embassy: 8008, bank: 8009 } }],
]);

/**
 * @param list modules, separated by commas: paths from the working directory. `order`, `returns` and `trip` come with the
 *   coordinator; an empty list means `order`.
 * @throws SagaModuleError for a module that cannot be loaded, exports no saga, or exports one that breaks a rule
 */
export async function loadSagas(
  list: string | undefined,
  folder = process.cwd(),
): Promise<readonly SagaBlueprint[]> {
  const modules = (list || 'order').split(',').map((module) => module.trim());
  const found: SagaBlueprint[] = [];
  for (const module of new Set(modules)) found.push(...(await sagasIn(module, folder)));
  found.sort(olderFirst(found));
  // What comes with the coordinator is checked when it is registered, which is soon enough.
  if (modules.every((module) => BUILT_IN.has(module))) return found;
  // For a check alone: no saga is driven by these.
  const registry = new Registry('xstate');
  for (const { id, version, module, define, fault } of found) {
    const twin = found.find((one) => one.id === id && one.version === version);
    if (twin?.module !== module)
      throw refused(
        module,
        `saga ${id} in version ${version} is in ${twin?.module} too: leave one of them out`,
      );
    try {
      registry.register(define(usualPolicies, null));
    } catch (error) {
      throw refused(module, fault(error), error);
    }
  }
  return found;
}

/**
 * Of sagas that are handed over.
 * @throws DefinitionError for one that is none
 */
export function blueprintsOf(sagas: readonly Saga[]): readonly SagaBlueprint[] {
  const found = sagas.map((saga): SagaBlueprint => {
    const { id, version } = saga.about;
    const define: SagaBlueprint['define'] = (policies, deadlineMs) =>
      definitionOf(saga, policies, deadlineMs);
    return { id, version, steps: define(usualPolicies, null).steps, module: 'sagas', define, fault: says };
  });
  return found.sort(olderFirst(found));
}

const VERSIONS = new Intl.Collator('en', { numeric: true });

/** In whatever order they are named: a start begins on the last, and a migration leads from what is there. */
function olderFirst(all: readonly SagaBlueprint[]) {
  const ids = [...new Set(all.map(({ id }) => id))];
  return (a: SagaBlueprint, b: SagaBlueprint) =>
    ids.indexOf(a.id) - ids.indexOf(b.id) || VERSIONS.compare(a.version, b.version);
}

async function sagasIn(module: string, folder: string): Promise<SagaBlueprint[]> {
  const builtIn = BUILT_IN.get(module);
  if (builtIn !== undefined)
    return [{ ...blueprintOf(module, module, builtIn.saga, says), stubs: builtIn.stubs }];
  const path = isAbsolute(module) ? module : resolve(folder, module);
  if (!existsSync(path))
    throw refused(module, `there is no file ${path}; paths are read from the working directory`);
  const fault: Fault = (error, origin) => moduleFault(error, path, folder, origin);
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = await inTime(import(pathToFileURL(path).href));
  } catch (error) {
    throw refused(module, `it cannot be loaded: ${wayOut(error) ?? fault(error)}`, error);
  }
  // One saga may be exported twice, by its name and as the default.
  const sagas = new Map<Saga | Maker, string>();
  for (const [name, value] of Object.entries(exported)) {
    for (const one of Array.isArray(value) ? value : [value])
      if ((isSaga(one) || isMaker(name, one)) && !sagas.has(one)) sagas.set(one, name);
  }
  if (sagas.size > 0) return [...sagas].map(([saga, name]) => blueprintOf(module, name, saga, fault));
  const names = Object.keys(exported);
  throw refused(
    module,
    `it exports no saga, ${names.length === 0 ? 'and nothing else' : `only ${names.join(', ')}`}: ` +
      "write export const booking = defineSaga({ id: 'booking', … }), or export function bookingSaga(policies) that gives a definition",
  );
}

/** The timer also keeps Node from ending, as it would where nothing else is left to wait for. */
async function inTime<T>(loading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const words = `it is not loaded after ${LOAD_MS / 1000} s: what it awaits at its top does not come`;
    timer = setTimeout(() => reject(new Error(words)), LOAD_MS);
  });
  try {
    return await Promise.race([loading, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isSaga(value: unknown): value is Saga {
  const { about, parts } = (value ?? {}) as Partial<Saga>;
  return typeof about?.id === 'string' && Array.isArray(parts);
}

/** A module has other functions, too: what makes a saga says so by its name, or is all that the module is about. */
function isMaker(name: string, value: unknown): value is Maker {
  return typeof value === 'function' && (name === 'default' || name === 'sagas' || /Saga$/.test(name));
}

function blueprintOf(module: string, name: string, saga: Saga | Maker, told: Fault): SagaBlueprint {
  const origin = typeof saga === 'function' ? undefined : saga.about.origin;
  const fault = (error: unknown) => told(error, origin);
  const define: SagaBlueprint['define'] = (policies, deadlineMs) =>
    typeof saga === 'function'
      ? saga(policies, deadlineMs ?? undefined)
      : definitionOf(saga, policies, deadlineMs);
  let made: SagaDefinition;
  try {
    made = define(usualPolicies, null);
  } catch (error) {
    throw refused(module, `${name}: ${fault(error)}`, error);
  }
  const { id, version, machine, steps } = (made ?? {}) as Partial<SagaDefinition>;
  if (id === undefined || version === undefined || machine === undefined || !Array.isArray(steps))
    throw refused(
      module,
      `${name} is a function that gives no definition: { id, version, machine, steps, … }`,
    );
  return { id, version, steps, module, define, fault };
}

function refused(module: string, what: string, cause?: unknown): SagaModuleError {
  return new SagaModuleError(`SAGAS: ${module}: ${what}`, { cause });
}

function says(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function wayOut(error: unknown): string | null {
  return (error as NodeJS.ErrnoException | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION'
    ? 'this Node takes no such file: name a .js or .mjs, or start Node with --import tsx'
    : null;
}
