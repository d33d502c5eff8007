/**
 * What is read of a request's body, in one place for JSON and for forms: of the right kind, whole, in bounds, in UTF-8, and
 * nothing in it that would be changed by keeping it.
 */
import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import { bufferToFormData } from 'hono/utils/buffer';
import { type Path, withDoubles } from '../json/exact.ts';
import { readForeign } from '../json/foreign.ts';
import type { Check } from './checks.ts';
import { type Issue, invalid, Problem } from './problem.ts';

const BODY_BYTES_MAX = 1024 * 1024;

/** Bytes that are no UTF-8 are a fault: replaced, they would be kept as something that nobody sent. */
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Before any route: no body that is too large, and none of a JSON route that cannot be read exactly. */
export const bodyGuard: Check = (c) => {
  // Asked only where a body is read: elsewhere the path or the method is what is wrong.
  const isRead = c.req.path.startsWith('/api/') && matchedRoutes(c).some(({ method }) => method === 'POST');
  if (isRead) refuseOtherTypes(c, ['application/json']);
  // Node reads no more of a body than its Content-Length says, so a length that is in bounds needs no watching.
  if (Number(c.req.header('content-length') ?? 0) > BODY_BYTES_MAX) tooLarge();
  if (isRead) return read(c);
};

async function read(c: Context): Promise<void> {
  const value = valueIn(await textOf(c, 'malformed-json'));
  // What validates it asks the request, whose own reading would replace what is no UTF-8.
  c.req.json = (async () => value) as typeof c.req.json;
}

export type Form = Readonly<Record<string, string | readonly string[]>>;

/**
 * The fields of a form; one that was sent several times has its values in a list.
 * @throws Problem where it is none that can be read
 */
export async function formIn(c: Context): Promise<Form> {
  const type = refuseOtherTypes(c, ['application/x-www-form-urlencoded', 'multipart/form-data']);
  const text = await textOf(c, 'malformed-form');
  const fields = type === 'multipart/form-data' ? await parts(c, text) : pairs(text);
  const form: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of fields) {
    const before = form[name];
    if (before === undefined) form[name] = value;
    else form[name] = [before, value].flat();
  }
  return form;
}

function pairs(text: string): Iterable<[string, string]> {
  try {
    // URLSearchParams would take what is no UTF-8 behind its per cent signs for something else.
    decodeURIComponent(text);
  } catch {
    throw new Problem('malformed-form', 'what stands behind a per cent sign is no UTF-8');
  }
  return new URLSearchParams(text);
}

async function parts(c: Context, text: string): Promise<[string, string][]> {
  const bytes = new TextEncoder().encode(text);
  const form = await bufferToFormData(bytes.buffer, c.req.header('content-type') ?? '').catch(() => null);
  if (form === null) throw new Problem('malformed-form', 'its parts cannot be told apart');
  return [...form].map(([name, value]) => {
    if (typeof value !== 'string')
      throw new Problem('malformed-form', `${name} is a file, and none is taken`);
    return [name, value];
  });
}

/** @returns the media type, which is one of those that are taken */
function refuseOtherTypes(c: Context, taken: readonly string[]): string {
  const [type = '', ...parameters] = (c.req.header('content-type') ?? '').split(';');
  const found = type.trim().toLowerCase();
  if (!taken.includes(found)) {
    throw new Problem('unsupported-media-type', `send the body with Content-Type: ${taken.join(' or ')}`);
  }
  for (const parameter of parameters) {
    const [, charset] = /^charset="?([^"]*)"?$/i.exec(parameter.trim()) ?? [];
    if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
      throw new Problem('unsupported-media-type', `the charset must be UTF-8, not ${charset.slice(0, 40)}`);
    }
  }
  const coding = c.req.header('content-encoding')?.trim().toLowerCase() ?? '';
  if (coding !== '' && coding !== 'identity') {
    throw new Problem(
      'unsupported-media-type',
      'send the body as it is, without a Content-Encoding',
      {},
      { 'accept-encoding': 'identity' },
    );
  }
  return found;
}

/** The whole body as text. */
async function textOf(c: Context, malformed: 'malformed-json' | 'malformed-form'): Promise<string> {
  const bytes = await bytesOf(c).catch((error: unknown) => {
    if (error instanceof Problem) throw error;
    // The client went in the middle of it; nobody is there to read this, and nothing is wrong here.
    throw new Problem(malformed, 'the body ended before it was whole');
  });
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Problem(malformed, 'the body is not encoded as UTF-8');
  }
}

/** Only a body that does not say its length is counted while it is read: a web stream costs more than all the rest. */
async function bytesOf(c: Context): Promise<ArrayBuffer | Uint8Array> {
  const { raw } = c.req;
  if (c.req.header('transfer-encoding') === undefined) return raw.arrayBuffer();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (raw.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): never {
  // The rest of the body is not read, so the connection ends; said aloud, no client sends its next request into it.
  throw new Problem('body-too-large', `at most ${BODY_BYTES_MAX} bytes`, {}, { connection: 'close' });
}

/** JSON can write a lone half of a surrogate pair, which UTF-8 cannot: somebody further on would replace it. */
const HALF = /\p{Surrogate}/u;
/** Enough to mend a body by. */
const ISSUES_MAX = 50;
/** No body of ours is as deep. */
const DEPTH_MAX = 64;

/**
 * The JSON in a body. A number may be written in any way as long as it is the number that is kept: 1.0 is 1.
 * @throws Problem for what is no JSON, and one that points at each value that would not be kept as it was sent
 */
export function valueIn(text: string): unknown {
  const read = readForeign(text, DEPTH_MAX);
  if ('fault' in read) {
    if (read.fault === 'no-json') throw new Problem('malformed-json', 'the body is not JSON');
    throw invalid([
      read.fault === 'twice'
        ? { path: read.path, message: 'this field stands there twice' }
        : { path: [], message: `nested deeper than ${DEPTH_MAX} levels` },
    ]);
  }
  const issues: Issue[] = [];
  const value = read.hasExact
    ? withDoubles(read.value, (path) => issues.push({ path, message: INEXACT }))
    : read.value;
  // Neither can be written without one of these.
  if (text.includes('__proto__') || text.includes('\\u')) issues.push(...unkeepableIn(value));
  if (issues.length > 0) throw invalid(issues);
  return value;
}

const INEXACT = 'this number cannot be kept exactly';

function unkeepableIn(value: unknown, path: Path = [], issues: Issue[] = []): Issue[] {
  if (issues.length === ISSUES_MAX) return issues;
  const name = String(path.at(-1) ?? '');
  // What validates records drops it, and two different bodies would read the same.
  if (name === '__proto__') issues.push({ path, message: 'no field can have this name' });
  if (HALF.test(name) || (typeof value === 'string' && HALF.test(value))) {
    issues.push({ path, message: 'half of a surrogate pair is no text' });
  }
  if (typeof value !== 'object' || value === null) return issues;
  for (const [field, inside] of Object.entries(value)) unkeepableIn(inside, [...path, field], issues);
  return issues;
}
