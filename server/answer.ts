/**
 * Answers whose text is at hand, made with all of their headers at once, as names and values. Set one by one on an answer that is
 * made, they are read into a `Headers` object and out of it again, which costs more than all else that the framework does for a request.
 */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Names in lower case. */
type Headers = Readonly<Record<string, string>>;

declare module 'hono' {
  interface ContextVariableMap {
    /** What the answer gets beside its own. */
    headers: Record<string, string> | undefined;
    /** One that was made with them. */
    answered: Response | undefined;
  }
}

/** The answer gets a header, whoever makes it in the end: also where it is a refusal. @param name in lower case */
export function tell(c: Context, name: string, value: string): void {
  const headers = c.get('headers');
  if (headers === undefined) c.set('headers', { [name]: value });
  else headers[name] = value;
}

/** @param own those of this answer alone; they come before what was told */
export function answer(c: Context, text: string, status: ContentfulStatusCode, own: Headers): Response {
  const headers: Record<string, string> = {};
  const told = c.get('headers');
  for (const name in told) headers[name] = told[name] as string;
  for (const name in own) headers[name] = own[name] as string;
  const response = new Response(text, { status, headers });
  c.set('answered', response);
  return response;
}

/** Gives what was told to an answer that was made by other means. */
export function complete(c: Context): void {
  if (c.get('answered') === c.res) return;
  const told = c.get('headers');
  for (const name in told) c.res.headers.set(name, told[name] as string);
}
