/**
 * Spans of the sagas, sent to an OpenTelemetry collector. Sagas outlive processes, so no span is ever open: each is made
 * whole, when what it tells of is over, from an engine event. That leaves the tracer of OpenTelemetry out, and uses of
 * it the queue and the exporter. This module is loaded only where a collector is configured.
 *
 * A saga has one span, made by whichever coordinator ends it; below it are one for each attempt of a call, and one for
 * each time that it was parked.
 */
import { type Attributes, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import type { TraceSettings } from '../config.ts';
import type { EngineEvent, Observe, Trace } from '../engine/contract.ts';

export interface Traces {
  readonly observe: Observe;
  /** Sends what is queued, if the collector takes it in time. */
  close(): Promise<void>;
}

/** How the spans name their process: a boot is an instance of its own. */
export interface Instance {
  readonly coordinator: string;
  readonly boot: number;
  readonly version: string;
}

/** What the world is made of, handed in by the composition root. */
interface Means {
  readonly now: () => number;
  readonly newSpanId: () => string;
  readonly logger: Logger;
}

/** A collector that is away must not keep a coordinator from stopping. */
const CLOSE_MS = 2000;

export async function exportTraces(to: TraceSettings, instance: Instance, means: Means): Promise<Traces> {
  const queue = new BatchSpanProcessor(toldOnce(await exporterTo(to), means.logger));
  const spanOf = spanMaker(instance, means.now);
  return {
    observe: (event) => {
      if (event.type !== 'called' && event.type !== 'settled') return;
      if (!event.trace.isSampled) return;
      queue.onEnd(spanOf(event.type === 'called' ? callSpan(event) : settledSpan(event, means.newSpanId)));
    },
    close: async () => {
      const cut = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([queue.shutdown().catch(() => {}), cut]);
    },
  };
}

async function exporterTo({ url, protocol }: TraceSettings): Promise<SpanExporter> {
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

/** What makes one span differ from another. */
interface Described {
  readonly name: string;
  readonly kind: SpanKind;
  readonly trace: Trace;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** Ending now. */
  readonly ms: number;
  /** `null` where all went well. */
  readonly error: string | null;
  readonly attributes: Attributes;
}

type Event<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>;

function callSpan({ id, trace, spanId, machine, call, outcome, ms, error }: Event<'called'>): Described {
  const { step, kind, attempt, participant, path } = call;
  return {
    name: `${step} ${kind}`,
    kind: SpanKind.CLIENT,
    trace,
    spanId,
    parentSpanId: trace.spanId,
    ms,
    error: outcome === 'done' ? null : (error ?? outcome),
    attributes: {
      ...sagaAttributes(id, machine),
      'saga.step': step,
      'saga.kind': kind,
      'saga.attempt': attempt,
      'saga.outcome': outcome,
      'peer.service': participant,
      'http.request.method': 'POST',
      'url.path': path,
      ...(outcome === 'done' ? {} : { 'error.type': outcome }),
    },
  };
}

/** A saga that is parked goes on one day, so its own span is not yet due: a span below it tells of the stop. */
function settledSpan(event: Event<'settled'>, newSpanId: () => string): Described {
  const { id, trace, machine, status, ms, reason, parked } = event;
  const isParked = parked !== null;
  return {
    name: isParked ? `parked ${machine.id}` : `saga ${machine.id}`,
    kind: isParked ? SpanKind.INTERNAL : SpanKind.SERVER,
    trace,
    spanId: isParked ? newSpanId() : trace.spanId,
    parentSpanId: isParked ? trace.spanId : trace.parentSpanId,
    ms,
    error: status === 'COMPLETED' ? null : (reason ?? parked?.reason ?? status),
    attributes: {
      ...sagaAttributes(id, machine),
      'saga.status': status,
      ...(isParked ? { 'saga.held': parked.held.map(({ step }) => step) } : {}),
    },
  };
}

function sagaAttributes(id: string, machine: Event<'called'>['machine']): Attributes {
  return { 'saga.id': id, 'saga.machine': machine.id, 'saga.machine.version': machine.version };
}

/** Makes spans that end now, in the form in which the exporter reads them. */
function spanMaker({ coordinator, boot, version }: Instance, now: () => number) {
  const resource = resourceFromAttributes({
    'service.name': 'saga-coordinator',
    'service.version': version,
    'service.instance.id': `${coordinator}/${boot}`,
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, so that they can say otherwise.
  }).merge(detectResources({ detectors: [envDetector] }));
  const rest = {
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'saga-coordinator', version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  return ({ name, kind, trace, spanId, parentSpanId, ms, error, attributes }: Described): ReadableSpan => {
    const { traceId } = trace;
    const endedAt = now();
    const traceFlags = TraceFlags.SAMPLED;
    return {
      ...rest,
      name,
      kind,
      attributes,
      spanContext: () => ({ traceId, spanId, traceFlags }),
      ...(parentSpanId !== null && { parentSpanContext: { traceId, spanId: parentSpanId, traceFlags } }),
      startTime: timeOf(endedAt - ms),
      endTime: timeOf(endedAt),
      duration: timeOf(ms),
      status:
        error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    };
  };
}

/** Seconds and nanoseconds, as OpenTelemetry keeps them. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)];
}
