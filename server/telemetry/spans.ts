/** From engine events to spans, by OpenTelemetry's conventions where it has some. */
import { type Attributes, createTraceState, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { EngineEvent, Trace } from '../engine/contract.ts';
import type { SpanExport } from '../trace-settings.ts';

/** How the spans name their process: a boot is an instance of its own. */
export interface Instance {
  readonly coordinator: string;
  readonly boot: number;
  readonly version: string;
}

export interface SpanMeans {
  /** Milliseconds since the epoch, in fractions, never back. */
  readonly now: () => number;
  readonly newSpanId: () => string;
  /** Base URL of each participant, by name. */
  readonly urls: Readonly<Record<string, string>>;
}

/** Of the conventions by which the attributes are named. */
const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.37.0';

type Event<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>;
export type Told = Event<'called'> | Event<'settled'>;

/** What makes one span differ from another. */
interface Described {
  readonly name: string;
  readonly kind: SpanKind;
  readonly trace: Trace;
  readonly spanId: string;
  /** `null` for the root of a trace. */
  readonly parent: { readonly spanId: string; readonly isRemote: boolean } | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** `null` where all went well. */
  readonly error: string | null;
  readonly attributes: Attributes;
}

/** Makes spans of what is over at this moment, in the form in which the exporter reads them. */
export function spanMaker(
  { coordinator, boot, version }: Instance,
  { now, newSpanId, urls }: SpanMeans,
  limits: Pick<SpanExport, 'attributesMax' | 'attributeLengthMax'>,
): (told: Told) => ReadableSpan {
  const ours = {
    'service.name': 'saga-coordinator',
    'service.version': version,
    'service.instance.id': `${coordinator}/${boot}`,
  };
  const resource = resourceFromAttributes(ours, { schemaUrl: SCHEMA_URL })
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, so that they can say otherwise.
    .merge(detectResources({ detectors: [envDetector] }));
  const rest = {
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'saga-coordinator', version, schemaUrl: SCHEMA_URL },
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  const serverOf = servers(urls);
  const traceFlags = TraceFlags.SAMPLED;

  return (told) => {
    const nowMs = now();
    const { name, kind, trace, spanId, parent, startedAtMs, endedAtMs, error, attributes } =
      told.type === 'called'
        ? callSpan(told, serverOf(told.call), nowMs)
        : settledSpan(told, newSpanId, nowMs);
    const { traceId } = trace;
    const traceState = trace.state === '' ? {} : { traceState: createTraceState(trace.state) };
    return {
      ...rest,
      name,
      kind,
      ...limited(attributes, limits),
      spanContext: () => ({ traceId, spanId, traceFlags, ...traceState }),
      ...(parent !== null && { parentSpanContext: { traceId, traceFlags, ...parent } }),
      startTime: timeOf(startedAtMs),
      endTime: timeOf(endedAtMs),
      duration: timeOf(endedAtMs - startedAtMs),
      status:
        error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    };
  };
}

/** By another machine's clock the saga may have begun later than this call: the call then is moved there, as long as it was. */
function callSpan(event: Event<'called'>, server: Attributes, nowMs: number): Described {
  const { id, trace, spanId, machine, call, outcome, ms, error, status } = event;
  const isGood = outcome === 'done' || outcome === 'accepted';
  const { step, kind, attempt, participant } = call;
  const startedAtMs = Math.max(nowMs - ms, trace.startedAtMs ?? 0);
  return {
    name: `${step} ${kind}`,
    kind: SpanKind.CLIENT,
    trace,
    spanId,
    parent: { spanId: trace.spanId, isRemote: false },
    startedAtMs,
    endedAtMs: startedAtMs + ms,
    error: isGood ? null : (error ?? outcome),
    attributes: {
      ...sagaAttributes(id, machine),
      'saga.step': step,
      'saga.kind': kind,
      'saga.attempt': attempt,
      'saga.outcome': outcome,
      'peer.service': participant,
      'http.request.method': 'POST',
      ...(status !== null && { 'http.response.status_code': status }),
      ...(attempt > 1 && { 'http.request.resend_count': attempt - 1 }),
      ...server,
      ...(!isGood && { 'error.type': errorType(event) }),
    },
  };
}

/** A status says it where it is itself the error; a 2xx that counts as none was read in vain. */
function errorType({ status, failure }: Event<'called'>): string {
  if (status === null) return failure ?? '_OTHER';
  return status >= 300 ? String(status) : 'unreadable_answer';
}

/** What of a call its participant and path say, made once for each: there are as many as machines announce calls. */
function servers(urls: SpanMeans['urls']): (call: Event<'called'>['call']) => Attributes {
  const known = new Map<string, Attributes>();
  return ({ participant, path }) => {
    const key = `${participant} ${path}`;
    const url = urls[participant];
    const found = known.get(key) ?? (url === undefined ? {} : serverAttributes(new URL(url), path));
    known.set(key, found);
    return found;
  };
}

function serverAttributes(peer: URL, path: string): Attributes {
  const port = peer.port === '' ? (peer.protocol === 'https:' ? 443 : 80) : Number(peer.port);
  return {
    // An address of IPv6 is the address, and the brackets are the URL's.
    'server.address': peer.hostname.replace(/^\[(.*)\]$/, '$1'),
    'server.port': port,
    'url.full': redacted(peer, path),
  };
}

/** Without what a URL may carry of secrets: the credentials before its host, and whatever a query says. */
function redacted(peer: URL, path: string): string {
  const url = new URL(peer.pathname.replace(/\/$/, '') + path, peer);
  if (peer.username !== '') url.username = 'REDACTED';
  if (peer.password !== '') url.password = 'REDACTED';
  const query = new URLSearchParams(peer.search || url.search);
  for (const name of new Set(query.keys())) query.set(name, 'REDACTED');
  url.search = query.toString();
  return url.href;
}

/** A saga that is parked goes on one day, so its own span is not yet due: a span below it tells of the stop. */
function settledSpan(event: Event<'settled'>, newSpanId: () => string, nowMs: number): Described {
  const { id, trace, machine, status, ms, reason, parked } = event;
  const attributes = { ...sagaAttributes(id, machine), 'saga.status': status };
  // By a clock that is behind that of whoever took the order, it may not have begun yet.
  const startedAtMs = trace.startedAtMs ?? nowMs - ms;
  const shared = { trace, startedAtMs, endedAtMs: Math.max(nowMs, startedAtMs) };
  if (parked !== null) {
    return {
      ...shared,
      name: `parked ${machine.id}`,
      kind: SpanKind.INTERNAL,
      spanId: newSpanId(),
      parent: { spanId: trace.spanId, isRemote: false },
      error: reason ?? parked.reason,
      attributes: {
        ...attributes,
        'saga.held': parked.held.map(({ step }) => step),
        'error.type': parked.reason,
      },
    };
  }
  const { parentSpanId } = trace;
  const isDone = status === 'COMPLETED';
  return {
    ...shared,
    name: `saga ${machine.id}`,
    kind: SpanKind.SERVER,
    spanId: trace.spanId,
    parent: parentSpanId === null ? null : { spanId: parentSpanId, isRemote: true },
    error: isDone ? null : (reason ?? status),
    attributes: isDone ? attributes : { ...attributes, 'error.type': status },
  };
}

function sagaAttributes(id: string, machine: Told['machine']): Attributes {
  return { 'saga.id': id, 'saga.machine': machine.id, 'saga.machine.version': machine.version };
}

function limited(
  attributes: Attributes,
  { attributesMax, attributeLengthMax }: Pick<SpanExport, 'attributesMax' | 'attributeLengthMax'>,
): Pick<ReadableSpan, 'attributes' | 'droppedAttributesCount'> {
  const all = Object.entries(attributes);
  const droppedAttributesCount = Math.max(0, all.length - attributesMax);
  if (droppedAttributesCount === 0 && attributeLengthMax === null) {
    return { attributes, droppedAttributesCount };
  }
  const cut = (value: unknown): unknown => {
    if (typeof value === 'string') return value.slice(0, attributeLengthMax ?? undefined);
    return Array.isArray(value) ? value.map(cut) : value;
  };
  const kept = all.slice(0, attributesMax).map(([name, value]) => [name, cut(value)]);
  return { attributes: Object.fromEntries(kept), droppedAttributesCount };
}

/** Seconds and nanoseconds, as OpenTelemetry keeps them. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)];
}
