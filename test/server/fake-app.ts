/** The app over an engine that answers what a test wants it to. */
import { type Logger, pino } from 'pino';
import { Registry as Metrics } from 'prom-client';
import { guard } from '../../server/access.ts';
import { type AppParts, createApp } from '../../server/app.ts';
import { readSettings } from '../../server/config.ts';
import { systemClock } from '../../server/engine/clock.ts';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { httpMetrics } from '../../server/telemetry/http.ts';

export function appOver(engine: Partial<SagaEngine>, logger: Logger = pino({ level: 'silent' })) {
  return createApp({
    engine: engine as SagaEngine,
    machine: {} as AppParts['machine'],
    waitMs: 0,
    probes: { urls: {} } as AppParts['probes'],
    version: '0',
    access: guard(readSettings({}), null),
    machines: [],
    session: null,
    clock: systemClock,
    metrics: httpMetrics(new Metrics()),
    logger,
  });
}
