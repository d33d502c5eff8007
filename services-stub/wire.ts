/** What a participant says over HTTP: answers as data, problems per RFC 9457, and the reading of JSON bodies. */
import type { Context } from 'hono';
import type { z } from 'zod';
import type { Answer } from '../participant/index.ts';

/** A value that arrived, or the answer to give because it did not. */
export type Read<T> = { readonly value: T } | { readonly refusal: Answer };

const ERRORS_LISTED_MAX = 20;

/** These statuses say "not now": whoever repeats the call may fare better, so nobody may remember them. */
const RETRYABLE_4XX = new Set([408, 425, 429]);
const WITHOUT_BODY = new Set([204, 205, 304]);

/** A problem's `type` is a short slug that callers branch on; title and detail are for people. */
export function problem(
  status: number,
  type: string,
  title: string,
  detail: string,
  more: object = {},
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, body: { type, title, status, detail, ...more }, headers };
}

/** 422 that points at each bad field by JSON pointer. */
export function invalid(error: z.ZodError): Answer {
  const errors = error.issues.slice(0, ERRORS_LISTED_MAX).map((issue) => ({
    pointer: issue.path
      .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join(''),
    detail: issue.message,
  }));
  return problem(422, 'validation-failed', 'Validation failed', 'The body does not fit this endpoint.', {
    errors,
  });
}

/** Definitive answers settle a step for good; all others leave it open. */
export function isDefinitive({ status }: Answer): boolean {
  return status >= 200 && status < 500 && !RETRYABLE_4XX.has(status);
}

export function toResponse({ status, body, headers }: Answer, more: Record<string, string> = {}): Response {
  if (body === null || WITHOUT_BODY.has(status))
    return new Response(null, { status, headers: { ...headers, ...more } });
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': type, ...headers, ...more },
  });
}

export async function readJson(c: Context): Promise<Read<unknown>> {
  try {
    return { value: await c.req.json() };
  } catch {
    return { refusal: problem(400, 'malformed-json', 'Malformed JSON', 'The body is not JSON.') };
  }
}
