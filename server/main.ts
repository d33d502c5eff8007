/** The coordinator as a process: environment in, signals out. */
import { pino } from 'pino';
import { ConfigError, readSettings } from './config.ts';
import { startCoordinator } from './coordinator.ts';

/** Errors of the surroundings say what to mend; a stack would hide it. Anything else is a bug and keeps its stack. */
const MENDABLE = new Set([ConfigError.name, 'MachineError', 'StoreRefusedError', 'StoreUnavailableError']);

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = pino({ level: settings.logLevel, base: { coordinator: settings.coordinatorId } });
  const coordinator = await startCoordinator(settings, logger);
  const { url, inspectorUrl } = coordinator;
  logger.info({ url, pid: process.pid, ...(inspectorUrl === null ? {} : { inspectorUrl }) }, 'ready');

  const signal = await firstSignal();
  logger.info({ signal }, 'draining');
  await coordinator.stop();
  logger.info('stopped');
}

/** SIGTERM, Ctrl-C or a closed terminal. A second one ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve(signal);
      });
    }
  });
}

main().catch((error: unknown) => {
  const isMendable = error instanceof Error && (MENDABLE.has(error.name) || 'code' in error);
  process.stderr.write(
    `${isMendable ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
});
