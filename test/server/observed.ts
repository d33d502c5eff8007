/** A coordinator in this process whose log a test can read. */
import { pino } from 'pino';
import { readSettings } from '../../server/config.ts';
import { type Coordinator, startCoordinator } from '../../server/coordinator.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { orderSagas } from '../coordinator/order-sagas.ts';
import type { Environment, World } from '../coordinator/world.ts';

export interface Observed extends Coordinator {
  /** The lines of its log, as text and as what they say. */
  readonly lines: readonly string[];
  entries(): Record<string, unknown>[];
}

export async function startObserved(
  world: World,
  level: string,
  environment: Environment = {},
  /** Where its lines go, for whoever reads them before it is up. */
  lines: string[] = [],
): Promise<Observed> {
  const urls = SERVICE_NAMES.map((name) => [`${name.toUpperCase()}_SERVICE_URL`, world.services[name].url]);
  const settings = readSettings({
    COORDINATOR_PORT: '0',
    ACTION_ATTEMPTS_MAX: '2',
    COMPENSATION_ATTEMPTS_MAX: '2',
    ACTION_BACKOFF_MS: '1',
    COMPENSATION_BACKOFF_MS: '1',
    REDIS_URL: world.redis.url,
    ...Object.fromEntries(urls),
    ...environment,
  });
  const logger = pino({ level }, { write: (line: string) => void lines.push(line) });
  const coordinator = await startCoordinator(settings, logger, orderSagas);
  return { ...coordinator, lines, entries: () => lines.map((line) => JSON.parse(line)) };
}
