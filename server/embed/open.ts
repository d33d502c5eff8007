/** From an application's options to a coordinator that runs in it: by the settings and the assembly of every other. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Logger, pino } from 'pino';
import { type Assembled, assemble, type Closing, closeAll, type Handle, sagasOf } from '../assembly.ts';
import {
  ConfigError,
  readSettings,
  type Settings,
  serviceHeadersVariable,
  serviceSigningKeyVariable,
  serviceUrlVariable,
} from '../config.ts';
import { blueprintsOf, type SagaBlueprint } from '../saga-modules.ts';
import { shownError } from '../telemetry/shown-error.ts';
import type { CoordinatorOptions } from './options.ts';
import { openerOf } from './stores.ts';

export interface Opened extends Pick<Assembled, 'fetch'> {
  close(): Promise<void>;
}

/** Settings of a coordinator with a port and a store of its own, and where they stand here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  COORDINATOR_PORT: 'the application has the port',
  HOST: 'the application has the port; hosts names what it is called by',
  KEEP_ALIVE_MS: 'the application has the connections',
  COORDINATOR_PROCESSES: 'the application has the processes',
  REDIS_URL: 'the store is redisStore(url)',
  REDIS_PREFIX: 'it is an option of redisStore',
  PARTITIONS: 'it is an option of redisStore',
  REDIS_WAIT_REPLICAS: 'it is an option of redisStore',
  REDIS_WAIT_FSYNC: 'it is an option of redisStore',
  REDIS_WAIT_TIMEOUT_MS: 'it is an option of redisStore',
  DATA_DIR: 'no Redis is started here',
  SAGAS: 'sagas are handed over',
  SERVICE_HOSTS: 'participants says where they are',
};

/** Participants in this process have a URL as all others have, which leads nowhere. */
const HERE = 'http://in-process.invalid';

/** @throws as `Coordinator.start` says */
export async function openEmbedded(options: CoordinatorOptions, interruption: AbortSignal): Promise<Opened> {
  const blueprints = blueprintsOf(options.sagas);
  const told = toldBy(options, blueprints);
  const open = openerOf(options.store);
  if (open === undefined) throw new ConfigError(['store: make it with memoryStore or redisStore']);
  const closing: Closing = [];
  try {
    const settings = settingsIn(told, blueprints);
    const logger = options.log ?? ownLogger(settings);
    for (const warning of settings.warnings) logger.warn(warning);
    const assembled = await assemble(
      {
        settings,
        logger,
        sagas: sagasOf(blueprints),
        openStore: (patiently) => open(settings, patiently, logger),
        interruption,
        siblings: null,
        handlers: handlersIn(options),
      },
      closing,
    );
    assembled.calledBackAt(null);
    closing.push(() => assembled.drain());
    assembled.open();
    return { fetch: assembled.fetch, close: () => closeAll(closing) };
  } catch (error) {
    await closeAll(closing);
    throw error instanceof ConfigError ? inOptions(error, told.names) : error;
  }
}

/** Options as settings say them. */
interface Told {
  readonly environment: Readonly<Record<string, string>>;
  /** What each setting is called among the options. */
  readonly names: ReadonlyMap<string, string>;
  /** What no setting would tell, with the option's name. */
  readonly problems: readonly string[];
}

function toldBy(options: CoordinatorOptions, blueprints: readonly SagaBlueprint[]): Told {
  const { participants, path, token, hosts, dashboard = true, settings = {} } = options;
  const id = options.id ?? `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const environment: Record<string, string> = {};
  const names = new Map([['REDIS_URL', 'store']]);
  const problems: string[] = [];
  for (const [name, value] of Object.entries(settings)) {
    const why = ELSEWHERE[name];
    if (why !== undefined) problems.push(`settings.${name}: ${why}`);
    environment[name] = typeof value === 'boolean' ? String(Number(value)) : String(value);
    names.set(name, `settings.${name}`);
  }
  const set = (variable: string, name: string, value: string | undefined) => {
    if (value !== undefined && variable in environment)
      problems.push(`settings.${variable}: ${name} says it`);
    if (value !== undefined) environment[variable] = value;
    names.set(variable, name);
  };
  set('COORDINATOR_ID', 'id', id);
  set('API_TOKEN', 'token', token);
  set('PUBLIC_PATH', 'path', path);
  set('ALLOWED_HOSTS', 'hosts', hosts?.join(','));
  set('DASHBOARD', 'dashboard', dashboard ? '1' : '0');
  const called = new Set(blueprints.flatMap(({ steps }) => steps.map(({ participant }) => participant)));
  for (const name of new Set([...called, ...Object.keys(participants)])) {
    const given = participants[name];
    const {
      url,
      headers = {},
      signingKey,
    } = typeof given === 'object' ? given : { url: typeof given === 'function' ? HERE : given };
    set(serviceUrlVariable(name), `participants.${name}`, url);
    const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}`);
    set(serviceHeadersVariable(name), `participants.${name}.headers`, lines.join('\n') || undefined);
    set(serviceSigningKeyVariable(name), `participants.${name}.signingKey`, signingKey);
    if (!called.has(name)) problems.push(`participants.${name}: no saga calls it`);
  }
  return { environment, names, problems };
}

function handlersIn({ participants }: CoordinatorOptions): Record<string, Handle> {
  const found = Object.entries(participants).filter(
    (entry): entry is [string, Handle] => typeof entry[1] === 'function',
  );
  return Object.fromEntries(found);
}

/** @throws ConfigError with all that is wrong */
function settingsIn({ environment, problems }: Told, blueprints: readonly SagaBlueprint[]): Settings {
  try {
    const settings = readSettings(environment, blueprints);
    if (problems.length === 0) return settings;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError([...problems, ...error.problems]);
  }
  throw new ConfigError(problems);
}

/** The same, with the options that the application knows instead of the settings. */
function inOptions({ problems }: ConfigError, names: ReadonlyMap<string, string>): ConfigError {
  return new ConfigError(
    problems.map((problem) => {
      const [, variable = '', rest = ''] = /^(\w+)(:.*)$/s.exec(problem) ?? [];
      const name = names.get(variable);
      return name === undefined ? problem : name + rest;
    }),
  );
}

/** What needs a person, where it is not in the way of the application's own output. */
function ownLogger({ logLevel, coordinatorId }: Settings): Logger {
  return pino(
    {
      level: logLevel === 'info' ? 'warn' : logLevel,
      base: { coordinator: coordinatorId },
      serializers: { err: (error) => shownError(error) },
    },
    pino.destination(2),
  );
}
