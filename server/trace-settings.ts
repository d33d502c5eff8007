/**
 * What OpenTelemetry's standard variables ask for. Platforms inject them into every container, whatever runs in it: so
 * nothing that stands in them keeps a coordinator from starting. What cannot be honoured is a warning that says what is
 * done instead, as the standard wants it.
 */
import type { Tracing } from './engine/contract.ts';

/** Where spans go, and how. */
export interface SpanExport {
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  /** Of one span. */
  readonly attributesMax: number;
  /** Characters of an attribute, beyond which it is cut off; `null` where it may be of any length. */
  readonly attributeLengthMax: number | null;
  readonly queue: SpanQueue;
}

export interface SpanQueue {
  readonly delayMs: number;
  readonly exportTimeoutMs: number;
  readonly spansMax: number;
  readonly batchMax: number;
}

export interface TraceSettings extends Tracing {
  /** `null` where no spans are made. */
  readonly export: SpanExport | null;
  /** What is not done as it was asked. Without secrets. */
  readonly warnings: readonly string[];
}

const DAY_MS = 24 * 3600 * 1000;
const MANY = 1_000_000;

/** Every variable with its default, `null` where it has none. */
export const TRACE_VARIABLES = {
  OTEL_SDK_DISABLED: 'false',
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: null,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: null,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: null,
  OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  OTEL_TRACES_SAMPLER_ARG: null,
  OTEL_PROPAGATORS: 'tracecontext',
  OTEL_ATTRIBUTE_COUNT_LIMIT: 128,
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: null,
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: null,
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: null,
  OTEL_BSP_SCHEDULE_DELAY: 5000,
  OTEL_BSP_EXPORT_TIMEOUT: 30_000,
  OTEL_BSP_MAX_QUEUE_SIZE: 2048,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 512,
} as const;
type Name = keyof typeof TRACE_VARIABLES;

/** Ports that are registered for OTLP: over gRPC, which is not spoken here, and over HTTP. */
const GRPC_PORT = '4317';
const HTTP_PORT = '4318';

/** @param env without empty variables */
export function readTraceSettings(env: Readonly<Record<string, string | undefined>>): TraceSettings {
  const read = new Reading(env);
  const isDisabled = read.oneOf('OTEL_SDK_DISABLED', ['true', 'false']) === 'true';
  const spanExport = isDisabled ? null : exportIn(read);
  return Object.freeze({
    export: spanExport,
    isRecorded: spanExport !== null,
    isPropagated: isPropagated(read),
    // An SDK that is switched off samples nothing of its own: a trace goes on as it came.
    ...(isDisabled ? { ratio: 1, followsCaller: true } : samplerIn(read)),
    warnings: Object.freeze(read.warnings),
  });
}

function exportIn(read: Reading): SpanExport | null {
  const exporters = read.list('OTEL_TRACES_EXPORTER');
  const others = exporters.filter((name) => name !== 'otlp' && name !== 'none');
  const isWanted = exporters.includes('otlp');
  if (others.length > 0) {
    const instead = isWanted ? 'spans go out as otlp alone' : 'no spans are sent';
    read.warn(`OTEL_TRACES_EXPORTER: ${others.join(', ')} is not known here, only otlp and none: ${instead}`);
  }
  const where = isWanted ? endpointIn(read) : null;
  if (where === null) return null;
  const { url, protocol } = where;
  const general = read.whole('OTEL_ATTRIBUTE_COUNT_LIMIT', 0, MANY);
  const length = read.whole('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', 0, MANY);
  return Object.freeze({
    url,
    protocol,
    attributesMax: read.whole('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 0, MANY) ?? general ?? MANY,
    attributeLengthMax: read.whole('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 0, MANY) ?? length,
    queue: queueIn(read),
  });
}

/**
 * The general endpoint is a base, the one for traces is used as it is. Who asks for gRPC, or names its port and no
 * protocol, gets HTTP at the same host: collectors take both, at ports of their own.
 */
function endpointIn(read: Reading): Pick<SpanExport, 'url' | 'protocol'> | null {
  const own = read.httpUrl('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const url = own ?? read.httpUrl('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (url === null) {
    if (read.has('OTEL_TRACES_EXPORTER'))
      read.warn('OTEL_TRACES_EXPORTER: no endpoint is named to which spans could go, so none are sent');
    return null;
  }
  const protocols = ['http/protobuf', 'http/json', 'grpc'] as const;
  const named =
    read.oneOf('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', protocols) ??
    read.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', protocols);
  const isGrpc = named === 'grpc' || (named === null && url.port === GRPC_PORT);
  if (isGrpc && url.port === GRPC_PORT) url.port = HTTP_PORT;
  if (own === null || (isGrpc && url.pathname === '/')) {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  }
  if (isGrpc) {
    const why =
      named === null ? `port ${GRPC_PORT} is that of OTLP over gRPC` : 'OTLP over gRPC is asked for';
    read.warn(`${why}, and only HTTP is spoken here: spans go as http/protobuf to ${shown(url)}`);
  }
  return { url: url.href, protocol: named === 'http/json' ? named : 'http/protobuf' };
}

/** Limits of zero would have the queue spin, and so would a batch that is larger than it. */
function queueIn(read: Reading): SpanQueue {
  const spansMax = read.whole('OTEL_BSP_MAX_QUEUE_SIZE', 1, MANY) ?? MANY;
  const batchMax = read.whole('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1, MANY) ?? spansMax;
  return Object.freeze({
    delayMs: read.whole('OTEL_BSP_SCHEDULE_DELAY', 0, DAY_MS) ?? DAY_MS,
    exportTimeoutMs: read.whole('OTEL_BSP_EXPORT_TIMEOUT', 1, DAY_MS) ?? DAY_MS,
    spansMax,
    batchMax: Math.min(batchMax, spansMax),
  });
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

function samplerIn(read: Reading): Pick<Tracing, 'ratio' | 'followsCaller'> {
  const sampler = read.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS) ?? TRACE_VARIABLES.OTEL_TRACES_SAMPLER;
  const followsCaller = sampler.startsWith('parentbased_');
  if (!sampler.endsWith('traceidratio')) return { ratio: sampler.endsWith('_on') ? 1 : 0, followsCaller };
  return { ratio: read.ratio('OTEL_TRACES_SAMPLER_ARG'), followsCaller };
}

/** `baggage` is in the standard's default, and nobody misses what he did not ask for. */
function isPropagated(read: Reading): boolean {
  const propagators = read.list('OTEL_PROPAGATORS');
  const others = propagators.filter((name) => !['tracecontext', 'baggage', 'none'].includes(name));
  if (others.length > 0) {
    read.warn(`OTEL_PROPAGATORS: ${others.join(', ')} is not known here, only tracecontext, which is used`);
  }
  return propagators.includes('tracecontext') || !propagators.includes('none');
}

/** Reads variables as the standard has it: words in any case, and what cannot be read as if it were not set. */
class Reading {
  readonly warnings: string[] = [];
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  warn(what: string): void {
    this.warnings.push(what);
  }

  has(name: Name): boolean {
    return this.#text(name) !== '';
  }

  oneOf<Word extends string>(name: Name, words: readonly Word[]): Word | null {
    const text = this.#text(name).toLowerCase();
    const found = words.find((word) => word === text);
    if (found === undefined && text !== '') this.#ignored(name, `must be one of ${words.join(', ')}`);
    return found ?? null;
  }

  list(name: Name): string[] {
    const text = this.#text(name) || String(TRACE_VARIABLES[name]);
    const words = text.split(',').map((word) => word.trim().toLowerCase());
    return words.filter((word) => word !== '');
  }

  whole(name: Name, least: number, most: number): number | null {
    const text = this.#text(name);
    const unset = TRACE_VARIABLES[name] as number | null;
    if (text === '') return unset;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    this.#ignored(name, `must be a whole number from ${least} to ${most}`);
    return unset;
  }

  ratio(name: Name): number {
    const text = this.#text(name);
    const value = Number(text);
    if (text !== '' && value >= 0 && value <= 1) return value;
    if (text !== '') this.#ignored(name, 'must be a number from 0 to 1');
    return 1;
  }

  httpUrl(name: Name): URL | null {
    const text = this.#text(name);
    if (text === '') return null;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url !== null && /^https?:$/.test(url.protocol)) return url;
    // Whatever it is, it may carry a password.
    this.warn(`${name}: must be an http or https URL, and is ignored`);
    return null;
  }

  #ignored(name: Name, what: string): void {
    this.warn(`${name}: ${what}; ${JSON.stringify(this.#text(name).slice(0, 100))} is ignored`);
  }

  #text(name: Name): string {
    return this.#env[name]?.trim() ?? '';
  }
}

function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}
