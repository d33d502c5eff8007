/** The coordinator as a process: environment in, signals out. */
import { type Logger, pino } from 'pino';
import { ConfigError, readSettings, type Settings } from './config.ts';
import { startCoordinator } from './coordinator.ts';

/** Errors of the surroundings say what to mend; a stack would hide it. Anything else is a bug and keeps its stack. */
const MENDABLE = new Set([
  ConfigError.name,
  'MachineError',
  'MachineChangedError',
  'StoreRefusedError',
  'StoreUnavailableError',
]);

const LOG_FLUSH_MS = 50;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = logTo(1, settings);
  // Listened for before anything is opened, so that a start that is interrupted still closes what it opened.
  const signalled = firstSignal();
  const interruption = new AbortController();
  void signalled.then(() => interruption.abort());
  const coordinator = await startCoordinator(settings, logger, interruption.signal);
  const { url, inspectorUrl } = coordinator;
  logger.info({ url, pid: process.pid, ...(inspectorUrl === null ? {} : { inspectorUrl }) }, 'ready');

  const signal = await signalled;
  logger.info({ signal }, 'draining');
  await coordinator.stop();
  logger.info('stopped');
}

/** A log that nobody can read any more, because its terminal was closed, must not keep sagas from being drained. */
function logTo(fd: number, { logLevel, coordinatorId }: Settings): Logger {
  // Lines leave together, at most LOG_FLUSH_MS late; what a process that is killed had not yet written is lost with it.
  const destination = pino.destination({
    dest: fd,
    sync: false,
    minLength: 4096,
    periodicFlush: LOG_FLUSH_MS,
  });
  const logger = pino({ level: logLevel, base: { coordinator: coordinatorId } }, destination);
  destination.on('error', () => {
    logger.level = 'silent';
    destination.destroy();
  });
  return logger;
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
