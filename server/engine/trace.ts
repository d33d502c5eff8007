/**
 * W3C trace context: of which trace a saga is part, and what its calls tell the participants of it.
 *
 * All calls of a saga are spans of one trace, whichever coordinator makes them. The trace is the caller's where the
 * order came with a `traceparent`, which the store keeps with the saga; else the saga's own UUID is the trace id. The
 * saga's span has its id from that UUID too, so that coordinators need not agree on it.
 */
import type { StartRequest, Trace, TraceHeaders, Tracing } from './contract.ts';

/** Later versions may add members; what this version knows of them stays where it is. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** What every implementation must be able to pass on. */
const TRACESTATE_CHARACTERS_MAX = 512;
const SAMPLED = 1;

/** Stands where a traceparent would: the saga is the root of its trace, and is not sampled. */
const UNSAMPLED = '00';
/** When the saga's span began. No tracestate begins so. */
const STARTED = /^@(\d{1,15})$/;

/**
 * What the store keeps of a saga's trace: the caller's traceparent with our decision whether to sample, when the saga's
 * span began, and the caller's tracestate, with blanks between, each where there is one. So all coordinators agree on it, whatever their own
 * settings are. `null` says what most sagas are: the root of a trace that is sampled.
 *
 * A header that cannot be read counts as none, as the standard wants it: an order must not fail for its trace.
 */
export function storedTrace(
  sagaId: string,
  came: StartRequest['trace'],
  { ratio, followsCaller, isPropagated, isRecorded }: Tracing,
  nowMs: number,
): string | null {
  const { traceparent = '', tracestate = '' } = isPropagated ? came : {};
  const [, version, traceId, parentId, flags = '', more] = TRACEPARENT.exec(traceparent) ?? [];
  const hasCaller = traceId !== undefined && !(version === '00' && more !== undefined);
  const isSampled =
    hasCaller && followsCaller ? sampledIn(flags) : isDrawn(hasCaller ? traceId : uuidOf(sagaId), ratio);
  const parts: string[] = [];
  if (hasCaller) parts.push(`00-${traceId}-${parentId}-${flagsWith(flags, isSampled)}`);
  else if (!isSampled) parts.push(UNSAMPLED);
  if (isSampled && isRecorded) parts.push(`@${Math.floor(nowMs)}`);
  if (hasCaller && /^[\x20-\x7e]+$/.test(tracestate) && tracestate.length <= TRACESTATE_CHARACTERS_MAX)
    parts.push(tracestate);
  return parts.length === 0 ? null : parts.join(' ');
}

/** @param stored what {@link storedTrace} gave when the saga began */
export function traceOf(sagaId: string, stored: string | null): Trace {
  const uuid = uuidOf(sagaId);
  // The variant's bits in it are never all 0, so this is a valid span id.
  const spanId = uuid.slice(16);
  const parts = stored?.split(' ') ?? [];
  const [, , traceId, parentSpanId, flags = ''] = TRACEPARENT.exec(parts[0] ?? '') ?? [];
  const isRoot = traceId === undefined || parentSpanId === undefined;
  const isUnsampled = parts[0] === UNSAMPLED;
  if (!isRoot || isUnsampled) parts.shift();
  const [, startedAt] = STARTED.exec(parts[0] ?? '') ?? [];
  if (startedAt !== undefined) parts.shift();
  const startedAtMs = startedAt === undefined ? null : Number(startedAt);
  return isRoot
    ? { traceId: uuid, spanId, parentSpanId: null, isSampled: !isUnsampled, startedAtMs, state: '' }
    : { traceId, spanId, parentSpanId, isSampled: sampledIn(flags), startedAtMs, state: parts.join(' ') };
}

function uuidOf(sagaId: string): string {
  return sagaId.slice(sagaId.indexOf('-') + 1).replaceAll('-', '');
}

function sampledIn(flags: string): boolean {
  return (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
}

function flagsWith(flags: string, isSampled: boolean): string {
  const others = Number.parseInt(flags, 16) & ~SAMPLED;
  return (others | (isSampled ? SAMPLED : 0)).toString(16).padStart(2, '0');
}

/**
 * Whether a trace is among those that are sampled: by its last 56 bits, which are the random ones by the standard's second
 * level and in a UUID alike, so that whoever else samples by them decides the same. A number holds 52 of them exactly.
 */
function isDrawn(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(18, 31), 16) / 2 ** 52 >= 1 - ratio;
}

/** What a participant receives with a call that is the span `spanId`. */
export function headersOf({ traceId, isSampled, state }: Trace, spanId: string): TraceHeaders {
  const traceparent = `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
  return state === '' ? { traceparent } : { traceparent, tracestate: state };
}

/** Drawn in pieces that fit a small integer: V8 formats a larger one digit by digit. */
export function newSpanId(random: () => number): string {
  return piece(random, 6) + piece(random, 6) + piece(random, 4);
}

function piece(random: () => number, digits: number): string {
  return Math.floor(random() * 16 ** digits)
    .toString(16)
    .padStart(digits, '0');
}
