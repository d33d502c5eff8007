/** The participants: which of them are ours to run, where each is found, and who answers there. */
import { type SagaOutline, serviceUrlVariable } from '../config.ts';
import { portHolder } from './port-holder.ts';

export interface Service {
  readonly name: string;
  readonly url: string;
  /** Its URL was given, so somebody else runs it. */
  readonly isExternal: boolean;
}

/** Loopback by number: `localhost` may mean ::1 first, where the stub services do not listen. */
const STUB_HOST = '127.0.0.1';
const ANSWER_MS = 2_000;

/**
 * There are stub services only of sagas that bring some; of others it must be said where they are.
 * @throws an error that names every port that cannot be used
 */
export function servicesIn(env: NodeJS.ProcessEnv, sagas: readonly SagaOutline[]): Service[] {
  const stubs: Readonly<Record<string, number>> = Object.assign({}, ...sagas.map((saga) => saga.stubs ?? {}));
  const mistakes: string[] = [];
  const names = new Set(sagas.flatMap(({ steps }) => steps.map(({ participant }) => participant)));
  const services = [...names].flatMap((name): Service[] => {
    const given = env[serviceUrlVariable(name)];
    if (given) return [{ name, url: given, isExternal: true }];
    const fixed = stubs[name];
    // The settings tell that it is missing.
    if (fixed === undefined) return [];
    const variable = `${name.toUpperCase()}_PORT`;
    const port = Number(env[variable] || fixed);
    if (!(Number.isInteger(port) && port > 0 && port <= 65_535)) mistakes.push(`${variable} is not a port`);
    return [{ name, url: `http://${STUB_HOST}:${port}`, isExternal: false }];
  });
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return services;
}

/** What the coordinator must be told so that it finds these services. */
export function urlVariables(services: readonly Service[]): Record<string, string> {
  return Object.fromEntries(services.map(({ name, url }) => [serviceUrlVariable(name), url]));
}

/** What the process of the stub services must be told: they are for this machine alone, whatever the coordinator is. */
export function stubEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, HOST: STUB_HOST };
}

/**
 * Whether all of the services run already, or none.
 *
 * @throws where only some run, or something else has a port of theirs: starting would fail half-way
 */
export async function allRun(services: readonly Service[]): Promise<boolean> {
  const found = await Promise.all(
    services.map(async (service) => ({ ...service, who: await whoAnswers(service) })),
  );
  if (found.every(({ who }) => who === 'nobody')) return false;
  if (found.every(({ who }) => who === 'itself')) return true;
  const taken = found.filter(({ who }) => who !== 'nobody');
  const lines = taken.map(({ name, url, who }) => {
    const variable = `${name.toUpperCase()}_PORT`;
    const what = who === 'itself' ? `a running ${name} service` : 'something that is not the service';
    const holder = portHolder(Number(new URL(url).port));
    const by = holder === null ? what : `${what}, ${holder}`;
    return `  ${url} (${name}) is in use by ${by}; end it, or set ${variable} to another port`;
  });
  throw new Error(['the services cannot be started together:', ...lines].join('\n'));
}

export async function whoAnswers({ name, url }: Service): Promise<'itself' | 'another' | 'nobody'> {
  try {
    const answer = await fetch(`${url}/health`, {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: 'manual',
    });
    const body = (await answer.json()) as { service?: unknown } | null;
    return answer.ok && body?.service === name ? 'itself' : 'another';
  } catch (error) {
    const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
    return cause?.code === 'ECONNREFUSED' ? 'nobody' : 'another';
  }
}
