/** The app over an engine that answers what a test wants it to. */
import { type Logger, pino } from 'pino';
import { Registry as Metrics } from 'prom-client';
import { guard } from '../../server/access.ts';
import { type AppParts, createApp } from '../../server/app.ts';
import { Bulks } from '../../server/bulk/bulks.ts';
import type { Callbacks } from '../../server/callbacks.ts';
import { readSettings } from '../../server/config.ts';
import type { TheatreParts } from '../../server/dashboard/dashboard-parts.ts';
import { dashboard } from '../../server/dashboard/routes.tsx';
import { type Clock, systemClock } from '../../server/engine/clock.ts';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { Limits } from '../../server/limits/limits.ts';
import { Refusals } from '../../server/limits/refusals.ts';
import { LastErrors } from '../../server/telemetry/history/last-errors.ts';
import { httpMetrics } from '../../server/telemetry/http.ts';
import { MemoryNotes } from '../../stores/notes.ts';

/** By settings as they stand in the environment. */
export function limitedBy(
  environment: Readonly<Record<string, string>>,
  now: () => number = () => 0,
  logger: Logger = pino({ level: 'silent' }),
  metrics = new Metrics(),
): Limits {
  const refusals = new Refusals(metrics, logger, ['order'], now);
  return new Limits(readSettings(environment), ['order'], now, refusals);
}

export function appOver(
  engine: Partial<SagaEngine>,
  logger: Logger = pino({ level: 'silent' }),
  publicPath = '',
  callbacks: Callbacks | null = null,
  limits = limitedBy({}),
  access = guard(readSettings({}), { callbacks }),
  clock: Clock = systemClock,
  theatre: TheatreParts | null = null,
) {
  const shown = {
    engine: engine as SagaEngine,
    machines: engine.machines ?? [],
    probes: { urls: {}, all: async () => ({}) } as unknown as AppParts['probes'],
    calls: { urls: {}, traceUrl: null },
    bulks: new Bulks({ engine: engine as SagaEngine, notes: new MemoryNotes(), clock }),
    lastErrors: new LastErrors(clock),
    limits,
    version: '0',
    clock,
    session: null,
    users: null,
    theatre,
  };
  return createApp({
    ...shown,
    machine: { id: 'order' } as AppParts['machine'],
    waitMs: 0,
    access,
    pages: dashboard(shown),

    metrics: httpMetrics(new Metrics()),
    logger,
    publicPath,
  });
}
