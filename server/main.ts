/** The coordinator as a process: environment in, signals out. */
import { type Logger, pino } from 'pino';
import { ConfigError, readSettings, type Settings } from './config.ts';
import type { Siblings } from './processes/worker.ts';

/** Errors of the surroundings say what to mend; a stack would hide it. Anything else is a bug and keeps its stack. */
const MENDABLE = new Set([
  ConfigError.name,
  'MachineError',
  'MachineChangedError',
  'StoreRefusedError',
  'StoreUnavailableError',
]);

const LOG_FLUSH_MS = 50;
/** What POSIX systems write to a pipe without another writer's bytes in between: PIPE_BUF on Linux. */
const PIPE_PIECE_BYTES = 4096;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = logTo(1, settings);
  // Listened for before anything is opened, so that a start that is interrupted still closes what it opened.
  const signalled = firstSignal();
  // One process is all there is unless more are asked for: nothing of the others is even loaded.
  if (settings.processes === 1) return run(settings, logger, signalled, null);
  const { default: cluster } = await import('node:cluster');
  if (cluster.isPrimary) {
    const { runProcesses } = await import('./processes/primary.ts');
    process.exitCode = await runProcesses(settings, logger, signalled, interruptedBy(signalled));
    return;
  }
  const { joinSiblings } = await import('./processes/worker.ts');
  const siblings = joinSiblings();
  await run(settings, logger, Promise.race([signalled, siblings.leaving]), siblings);
  siblings.close();
}

async function run(
  settings: Settings,
  logger: Logger,
  leaving: Promise<string>,
  siblings: Siblings | null,
): Promise<void> {
  const interruption = interruptedBy(leaving);
  // Loaded only here, because a primary runs none: a third of its memory.
  const { startCoordinator } = await import('./coordinator.ts');
  const coordinator = await startCoordinator(settings, logger, interruption, undefined, siblings);
  const { url, inspectorUrl } = coordinator;
  // Ready is the whole, and the primary says so.
  const ready = siblings === null ? 'ready' : 'process ready';
  logger.info({ url, pid: process.pid, ...(inspectorUrl === null ? {} : { inspectorUrl }) }, ready);
  siblings?.ready(url);

  const signal = await leaving;
  logger.info({ signal }, 'draining');
  await coordinator.stop();
  logger.info('stopped');
}

function interruptedBy(leaving: Promise<string>): AbortSignal {
  const interruption = new AbortController();
  void leaving.then(() => interruption.abort());
  return interruption.signal;
}

/** A log that nobody can read any more, because its terminal was closed, must not keep sagas from being drained. */
function logTo(fd: number, { logLevel, coordinatorId, processes }: Settings): Logger {
  // Lines leave together, at most LOG_FLUSH_MS late; what a process that is killed had not yet written is lost with it.
  const destination = pino.destination({
    dest: fd,
    sync: false,
    minLength: 4096,
    // Processes share the pipe, and only so much is written to it in one piece: else their lines would mix. (Only a
    // single line that is longer than that still can.)
    ...(processes > 1 && { minLength: PIPE_PIECE_BYTES / 2, maxWrite: PIPE_PIECE_BYTES }),
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
