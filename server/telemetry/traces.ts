/**
 * Spans of the sagas, sent to an OpenTelemetry collector. Sagas outlive processes, so no span is ever open: each is made
 * whole, when what it tells of is over, from an engine event. That leaves the tracer of OpenTelemetry out, and uses of
 * it the queue and the exporter. This module is loaded only where a collector is configured.
 *
 * A saga has one span, made by whichever coordinator ends it; below it are one for each attempt of a call, and one for
 * each time that it was parked.
 */
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import { withoutSecrets } from '../config.ts';
import type { Observe } from '../engine/contract.ts';
import type { SpanExport } from '../trace-settings.ts';
import { type Instance, type SpanMeans, spanMaker } from './spans.ts';

export interface Traces {
  readonly observe: Observe;
  /** Sends what is queued, if the collector takes it in time. */
  close(): Promise<void>;
}

/** What the world is made of, handed in by the composition root. */
interface Means extends SpanMeans {
  readonly logger: Logger;
}

/** A collector that is away must not keep a coordinator from stopping. */
const CLOSE_MS = 2000;

export async function exportTraces(to: SpanExport, instance: Instance, means: Means): Promise<Traces> {
  const { logger } = means;
  const { delayMs, exportTimeoutMs, spansMax, batchMax } = to.queue;
  const { exporter, spanOf } = await heard(logger, async () => ({
    exporter: toldOnce(await exporterTo(to), logger),
    spanOf: spanMaker(instance, means, to),
  }));
  const queue = new BatchSpanProcessor(exporter, {
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: exportTimeoutMs,
    maxQueueSize: spansMax,
    maxExportBatchSize: batchMax,
  });
  return {
    observe: (event) => {
      if (event.type !== 'called' && event.type !== 'settled') return;
      if (event.trace.isSampled) queue.onEnd(spanOf(event));
    },
    close: async () => {
      const cut = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([queue.shutdown().catch(() => {}), cut]);
    },
  };
}

/** OpenTelemetry reads the rest of its variables by itself, and says so in its own log where it cannot use one. */
async function heard<T>(logger: Logger, make: () => Promise<T>): Promise<T> {
  const silent = () => {};
  const warn = (message: string) => logger.warn(withoutSecrets(message));
  diag.setLogger(
    { error: warn, warn, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  try {
    return await make();
  } finally {
    // What befalls the export later is told here, once.
    diag.disable();
  }
}

async function exporterTo({ url, protocol }: SpanExport): Promise<SpanExporter> {
  if (protocol === 'http/json') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    return new OTLPTraceExporter({ url });
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter({ url });
}

/** A collector that is away costs its spans and one line when it goes, and one when it is back. */
function toldOnce(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isAway = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined || result.code !== 0;
        if (failed && !isAway) {
          logger.warn(
            { error: result.error?.message, spans: spans.length },
            'the collector takes no spans: lost',
          );
        } else if (!failed && isAway) logger.info('the collector takes spans again');
        isAway = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}
