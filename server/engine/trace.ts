/**
 * W3C trace context: of which trace a saga is part, and what its calls tell the participants of it.
 *
 * All calls of a saga are spans of one trace, whichever coordinator makes them. The trace is the caller's where the
 * order came with a `traceparent`, which the store keeps with the saga; else the saga's own UUID is the trace id. The
 * saga's span has its id from that UUID too, so that coordinators need not agree on it.
 */
import type { StartRequest, Trace, TraceHeaders } from './contract.ts';

/** Later versions may add members; what this version knows of them stays where it is. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** What every implementation must be able to pass on. */
const TRACESTATE_CHARACTERS_MAX = 512;
const SAMPLED = 1;

/**
 * The caller's trace context as the store keeps it: the traceparent, and after a blank the tracestate. A header that
 * cannot be read counts as none, as the standard wants it: an order must not fail for its trace.
 */
export function storedTrace({ traceparent = '', tracestate = '' }: StartRequest['trace']): string | null {
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || (version === '00' && more !== undefined)) return null;
  const isPassedOn = /^[\x20-\x7e]+$/.test(tracestate) && tracestate.length <= TRACESTATE_CHARACTERS_MAX;
  return `00-${traceId}-${parentId}-${flags}${isPassedOn ? ` ${tracestate}` : ''}`;
}

/** @param stored what {@link storedTrace} gave when the saga began */
export function traceOf(sagaId: string, stored: string | null): Trace {
  const uuid = sagaId.slice(sagaId.indexOf('-') + 1).replaceAll('-', '');
  // The variant's bits in it are never all 0, so this is a valid span id.
  const spanId = uuid.slice(16);
  const [head = '', ...rest] = stored?.split(' ') ?? [];
  const [, , traceId, parentSpanId, flags = ''] = TRACEPARENT.exec(head) ?? [];
  if (traceId === undefined || parentSpanId === undefined)
    return { traceId: uuid, spanId, parentSpanId: null, isSampled: true, state: '' };
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
  return { traceId, spanId, parentSpanId, isSampled, state: rest.join(' ') };
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
