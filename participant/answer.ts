/** What a participant says to a call. */

/** It is kept as it is, and said again to whoever repeats the call. */
export interface Answer {
  readonly status: number;
  /** Sent as JSON; `null` is no body at all. */
  readonly body: object | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** It happened. Without a body there is nothing that the saga could go on with, or that an undo could be told. */
export const done = (
  body: object | null = null,
  { status = body === null ? 204 : 200, headers }: { status?: number; headers?: Answer['headers'] } = {},
): Answer => ({ status, body, ...(headers === undefined ? {} : { headers }) });

/** A business no, for good: nothing happened, and what `tx` was used for is taken back. `type` is a slug that callers may branch on. */
export const refused = (detail: string, { status = 422, type = 'refused' } = {}): Answer =>
  problem(status, type, detail);

/** Not now: nothing happened, nothing is kept, and the call comes again after `seconds`. */
export const later = (detail: string, seconds = 1): Answer => ({
  ...problem(503, 'later', detail),
  headers: { 'retry-after': String(seconds) },
});

/** RFC 9457. */
export function problem(status: number, type: string, detail: string, more: object = {}): Answer {
  return { status, body: { type, title: titleOf(type), status, detail, ...more } };
}

function titleOf(type: string): string {
  return `${type.slice(0, 1).toUpperCase()}${type.slice(1).replaceAll('-', ' ')}`;
}

/** These statuses say "not now": a repeat may fare better, so nobody may remember them. */
const RETRYABLE_4XX = new Set([408, 425, 429]);

export function isDefinitive({ status }: Answer): boolean {
  return status >= 200 && status < 500 && !RETRYABLE_4XX.has(status);
}

export function isDone({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

const WITHOUT_BODY = new Set([204, 205, 304]);

export function toResponse(
  { status, body, headers }: Answer,
  more: Readonly<Record<string, string>> = {},
): Response {
  if (body === null || WITHOUT_BODY.has(status))
    return new Response(null, { status, headers: { ...headers, ...more } });
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': type, ...headers, ...more },
  });
}
