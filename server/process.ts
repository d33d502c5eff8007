/** The coordinator as a process: environment in, signals out. */
import { type Logger, pino } from 'pino';
import { castOver } from './cast.ts';
import { ConfigError, readSettings, type Settings } from './config.ts';
import { outliveNobody } from './outliving.ts';
import type { Siblings } from './processes/worker.ts';
import type { SagaBlueprint } from './saga-modules.ts';
import { logDestination } from './telemetry/log-destination.ts';
import { pinoFormat } from './telemetry/logs.ts';
import { errorText, shownError } from './telemetry/shown-error.ts';

/** Errors of the surroundings say what to mend; a stack would hide it. Anything else is a bug and keeps its stack. */
const MENDABLE = new Set([
  ConfigError.name,
  'SagaModuleError',
  'MachineError',
  'MachineChangedError',
  'StoreRefusedError',
  'StoreUnavailableError',
]);

async function main(): Promise<void> {
  const sagas = await sagasFor(process.env);
  const settings = readSettings(process.env, sagas ?? undefined);
  const logger = logTo(1, settings);
  // Listened for before anything is opened, so that a start that is interrupted still closes what it opened.
  const signalled = firstSignal();
  // One process is all there is unless more are asked for: nothing of the others is even loaded.
  if (settings.processes === 1) {
    warn(settings, logger);
    return run(settings, sagas, logger, Promise.race([signalled, starterGone()]), null);
  }
  const { default: cluster } = await import('node:cluster');
  if (cluster.isPrimary) {
    warn(settings, logger);
    const { runProcesses } = await import('./processes/primary.ts');
    const leaving = Promise.race([signalled, starterGone()]);
    process.exitCode = await runProcesses(settings, logger, leaving, interruptedBy(leaving));
    return;
  }
  const { joinSiblings } = await import('./processes/worker.ts');
  const siblings = joinSiblings();
  await run(settings, sagas, logger, Promise.race([signalled, siblings.leaving]), siblings);
  siblings.close();
}

/** Before anything is opened: what was misspelt may be why that fails. */
function warn({ warnings }: Settings, logger: Logger): void {
  for (const warning of warnings) logger.warn(warning);
}

/** Those that SAGAS names; `null` for the order saga, which a primary need not even load. */
async function sagasFor({ SAGAS }: NodeJS.ProcessEnv): Promise<readonly SagaBlueprint[] | null> {
  if (!SAGAS) return null;
  const { loadSagas } = await import('./saga-modules.ts');
  return loadSagas(SAGAS);
}

async function run(
  settings: Settings,
  sagas: readonly SagaBlueprint[] | null,
  logger: Logger,
  leaving: Promise<string>,
  siblings: Siblings | null,
): Promise<void> {
  const interruption = interruptedBy(leaving);
  // Loaded only here, because a primary runs none: a third of its memory.
  const { sagasOf } = await import('./assembly.ts');
  const { startCoordinator } = await import('./coordinator.ts');
  const { loadSagas } = await import('./saga-modules.ts');
  const made = sagasOf(sagas ?? (await loadSagas(undefined)));
  const cast = settings.faults ? castOver() : null;
  const coordinator = await startCoordinator(settings, logger, made, interruption, siblings, cast);
  const { url, inspectorUrl } = coordinator;
  // Ready is the whole, and the primary says so.
  const ready = siblings === null ? 'ready' : 'process ready';
  logger.info({ url, pid: process.pid, ...(inspectorUrl === null ? {} : { inspectorUrl }) }, ready);
  if (siblings === null) process.send?.({ type: 'ready' });
  else siblings.ready(url);

  const signal = await leaving;
  logger.info({ signal }, 'draining');
  await coordinator.stop();
  logger.info('stopped');
}

/** Settles when an `npm start` that runs us is gone, however suddenly: we are its own, and nobody else would end us. */
function starterGone(): Promise<string> {
  return new Promise((resolve) => {
    process.once('disconnect', () => resolve('npm start is gone'));
    // Listening must not keep us alive.
    process.channel?.unref();
  });
}

function interruptedBy(leaving: Promise<string>): AbortSignal {
  const interruption = new AbortController();
  void leaving.then(() => interruption.abort());
  return interruption.signal;
}

/** A log that nobody can read any more, because its terminal was closed, must not keep sagas from being drained. */
function logTo(fd: number, { logLevel, logFormat, coordinatorId, processes }: Settings): Logger {
  const destination = logDestination(fd, processes > 1);
  const logger = pino(
    {
      level: logLevel,
      base: { coordinator: coordinatorId },
      ...pinoFormat(logFormat),
      serializers: { err: (error) => shownError(error) },
    },
    destination,
  );
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

/** What nobody has caught is a bug. Node itself would print all that hangs on the error, and so a saga's data. */
process.on('uncaughtException', (error) => {
  process.stderr.write(`${errorText(error)}\n`);
  process.exit(1);
});

main().then(outliveNobody, (error: unknown) => {
  const isMendable = error instanceof Error && (MENDABLE.has(error.name) || 'code' in error);
  process.stderr.write(`${isMendable ? error.message : errorText(error)}\n`);
  process.exit(1);
});
