/** What is said when everything runs: where it is, and what to paste to see it work. */
import type { Settings } from '../config.ts';
import {
  ORDER_OUTLINE,
  type SagaOutline,
  serviceHeadersVariable,
  serviceSigningKeyVariable,
  serviceUrlVariable,
  withoutSecrets,
} from '../config.ts';
import { EXAMPLE_ORDER } from '../example-order.ts';
import { IDENTITY_VARIABLES, isAsked } from '../identity-settings.ts';
import type { PrivateRedis } from './private-redis.ts';
import { type Service, urlVariables } from './services.ts';

/** By its variable's name: what is pasted may be seen by others. */
const BEARER = ' -H "Authorization: Bearer $API_TOKEN"';

export interface Everything {
  readonly settings: Settings;
  /** What in the environment looks like a setting and is none. */
  readonly warnings: readonly string[];
  readonly sagas: readonly SagaOutline[];
  readonly services: readonly Service[];
  /** `null` where no services were started here. */
  readonly servicesPid: number | null;
  readonly redis: PrivateRedis | null;
  readonly coordinatorPid: number;
  readonly env: NodeJS.ProcessEnv;
}

export function readyBlock({
  settings,
  warnings,
  sagas,
  services,
  servicesPid,
  redis,
  coordinatorPid,
  env,
}: Everything): string {
  const url = coordinatorUrl(settings);
  const lines = services.map(({ name, url, isExternal }) => {
    const whose = isExternal ? '  (not run here)' : servicesPid === null ? '  (was running already)' : '';
    return `${name.padEnd(12)} ${withoutSecrets(url)}${whose}`;
  });
  return `
Ready.

  dashboard     ${dashboardLine(settings)}
  coordinator   ${url}  (pid ${coordinatorPid})
  services      ${lines.join('\n                ')}
  store         ${storeLine(settings, redis)}
${warnings.map((warning) => `\n  WARNING       ${warning}\n`).join('')}${services.some(({ isExternal }) => !isExternal) ? `\n${booksLine(servicesPid)}\n` : ''}
${startLines(url, sagas, settings)}

See all sagas:
  curl ${url}/api/coordinator/sagas${isAsked(settings) ? BEARER : ''}

${resumeLines(settings, redis)}
  kill -9 ${coordinatorPid}
  ${coordinatorAgain(env, services)}

Ctrl-C drains and stops what was started here.
`;
}

function dashboardLine(settings: Settings): string {
  const url = `${coordinatorUrl(settings)}${settings.publicPath}/`;
  if (isAsked(settings))
    return `${url}  (${settings.apiToken === null ? 'asks you to log in' : 'asks for API_TOKEN once'})`;
  return url;
}

/** An order to paste; of others' sagas nobody knows here what they are sent. */
function startLines(url: string, sagas: readonly SagaOutline[], { identity }: Settings): string {
  const bearer = identity.open.has('starts') ? '' : BEARER;
  return sagas.some(({ id }) => id === ORDER_OUTLINE.id)
    ? `Place an order:\n  curl -i ${url}/api/coordinator/orders -H 'Content-Type: application/json'${bearer} -d '${JSON.stringify(EXAMPLE_ORDER)}'`
    : `Sagas: ${[...new Set(sagas.map(({ id }) => id))].join(', ')}. What each is, as it runs here:\n  curl ${url}/api/coordinator/machines`;
}

function booksLine(pid: number | null): string {
  const process = pid === null ? 'process' : `process (pid ${pid})`;
  return `The stub services' books live in the memory of their own ${process} and are gone when it ends.`;
}

export function coordinatorUrl({ host, port }: Settings): string {
  // An address that listens everywhere is nobody's address; this machine reaches it by loopback.
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function storeLine({ redisUrl }: Settings, redis: PrivateRedis | null): string {
  if (redisUrl !== null) return `Redis at ${withoutSecrets(redisUrl)} (REDIS_URL)`;
  if (redis === null) return 'the memory of the coordinator: NOTHING SURVIVES ITS END';
  const folder = redis.socketPath.replace(/redis\.sock$/, 'appendonlydir');
  const whose = redis.adopted ? ', was running already' : '';
  return `Redis on ${redis.socketPath}  (pid ${redis.pid}${whose})\n                append-only file in ${folder}`;
}

function resumeLines({ redisUrl }: Settings, redis: PrivateRedis | null): string {
  return redisUrl === null && redis === null
    ? 'With no Redis a saga does not outlive its coordinator; with one this shows it carried on:'
    : 'See unfinished sagas carried on after a crash:';
}

/** One of them is a secret, and whoever has that one has them all. */
const OIDC = Object.keys(IDENTITY_VARIABLES).filter((name) => name.startsWith('OIDC_'));

/** The command for another terminal: with the settings of this one, but never a secret among them. */
export function coordinatorAgain(env: NodeJS.ProcessEnv, services: readonly Service[]): string {
  const plain = [
    'COORDINATOR_PORT',
    'HOST',
    'ALLOWED_HOSTS',
    'ORDERS_NEED_TOKEN',
    'OPEN_ROUTES',
    'API_TOKENS_FILE',
    'COORDINATOR_ID',
    'COORDINATOR_PROCESSES',
    'DATA_DIR',
    'SAGAS',
  ].filter((name) => env[name]);
  // The shell refuses, instead of another store being used, where the other terminal does not have it.
  const ofServices = services.flatMap(({ name }) => [
    serviceUrlVariable(name),
    serviceHeadersVariable(name),
    serviceSigningKeyVariable(name),
    `${serviceSigningKeyVariable(name)}_FILE`,
  ]);
  const secret = ['REDIS_URL', 'API_TOKEN', 'API_TOKENS', ...OIDC, ...ofServices].filter((name) => env[name]);
  const moved = services.filter(({ name, isExternal }) => !isExternal && env[`${name.toUpperCase()}_PORT`]);
  const words = [
    ...plain.map((name) => `${name}=${quoted(env[name] ?? '')}`),
    ...secret.map((name) => `${name}="\${${name}:?}"`),
    ...Object.entries(urlVariables(moved)).map(([name, url]) => `${name}=${url}`),
    'npm run coordinator',
  ];
  return words.join(' ');
}

function quoted(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
