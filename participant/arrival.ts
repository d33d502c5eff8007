/** From a request to a call: what is wrong with it, and until when its caller waits. */
import { type Answer, problem } from './answer.ts';
import type { Step } from './ledger.ts';
import {
  acceptedSignature,
  contentDigest,
  type SignedRequest,
  type Unbelieved,
  unbelieved,
} from './signature.ts';

export interface Arrived extends Step {
  readonly idempotencyKey: string;
  readonly attempt: number | null;
  readonly body: unknown;
  /** On this process's monotonic clock: the caller says for how long it waits, because clocks differ. */
  readonly givesUpAt: number | null;
}

/** What is asked of whoever calls. */
export interface Callers {
  readonly bodyBytesMax: number;
  /** `undefined` where calls need not be signed. */
  readonly signingKeys: Readonly<Record<string, string>> | undefined;
  readonly signatureAgeMsMax: number;
}

const HEADERS = ['Idempotency-Key', 'Saga-Id', 'Saga-Step'] as const;
const HEADER_CHARS_MAX = 256;
const JSON_TYPE = /^\s*application\/([\w.+-]+\+)?json\s*(;|$)/i;

export async function readCall(
  request: Request,
  { bodyBytesMax, signingKeys, signatureAgeMsMax }: Callers,
): Promise<Arrived | { readonly refusal: Answer }> {
  const arrivedAt = performance.now();
  const { headers } = request;
  const [idempotencyKey = '', sagaId = '', step = ''] = HEADERS.map((name) => headers.get(name)?.trim());
  const missing = HEADERS.filter((_, at) => [idempotencyKey, sagaId, step][at] === '');
  if (missing.length > 0) {
    const detail = `Required headers are missing: ${missing.join(', ')}.`;
    return { refusal: problem(400, 'missing-header', detail, { headers: missing }) };
  }
  if ([idempotencyKey, sagaId, step].some((value) => value.length > HEADER_CHARS_MAX)) {
    const detail = `Each of ${HEADERS.join(', ')} may have ${HEADER_CHARS_MAX} characters.`;
    return { refusal: problem(400, 'header-too-long', detail) };
  }
  if (!JSON_TYPE.test(headers.get('content-type') ?? ''))
    return { refusal: problem(415, 'unsupported-media-type', 'Send application/json.') };
  const wrong = unbelievedOf(request, { signingKeys, signatureAgeMsMax });
  if (wrong !== null) return { refusal: unauthenticated(request, wrong) };
  const text = await readText(request, bodyBytesMax);
  if (text === null)
    return { refusal: problem(413, 'body-too-large', `A body may have ${bodyBytesMax} bytes.`) };
  if (signingKeys !== undefined && !digestsIn(headers).includes(contentDigest(text)))
    return {
      refusal: unauthenticated(request, ['digest-wrong', 'The body is not the one that was signed.']),
    };
  const attempt = wholeIn(headers.get('Saga-Attempt'));
  const waitsMs = wholeIn(headers.get('Saga-Timeout-Ms'));
  const givesUpAt = waitsMs === null ? null : arrivedAt + waitsMs;
  try {
    const body: unknown = JSON.parse(text);
    return { idempotencyKey, sagaId, step, attempt, body, givesUpAt };
  } catch {
    return { refusal: problem(400, 'malformed-json', 'The body is not JSON.') };
  }
}

/**
 * Whose call is asked about. It stands in the URL, because what lies between may keep the answer of a GET, and tells two of them apart by
 * their URLs alone.
 */
export function readQuestion(
  request: Request,
  callers: Omit<Callers, 'bodyBytesMax'>,
): Step | { readonly refusal: Answer } {
  const { searchParams } = new URL(request.url);
  const [sagaId = '', step = ''] = QUERY.map((name) => searchParams.get(name)?.trim());
  const isRight = [sagaId, step].every((value) => value !== '' && value.length <= HEADER_CHARS_MAX);
  if (!isRight) {
    const detail = `The query must have ${QUERY.join(' and ')}, of at most ${HEADER_CHARS_MAX} characters each.`;
    return { refusal: problem(400, 'bad-query', detail) };
  }
  const wrong = unbelievedOf(request, callers);
  return wrong === null ? { sagaId, step } : { refusal: unauthenticated(request, wrong) };
}

const QUERY = ['saga_id', 'step'] as const;

/** Why its signature is not believed, where calls need one. */
function unbelievedOf(
  request: Request,
  { signingKeys, signatureAgeMsMax }: Omit<Callers, 'bodyBytesMax'>,
): Unbelieved | null {
  if (signingKeys === undefined) return null;
  const { headers } = request;
  const seen = { ...signedPart(request), header: (name: string) => headers.get(name) };
  return unbelieved(seen, signingKeys, { nowMs: Date.now(), ageMsMax: signatureAgeMsMax });
}

function signedPart({ method, url }: Request): Pick<SignedRequest, 'method' | 'path'> {
  const { pathname, search } = new URL(url);
  return { method, path: pathname + search };
}

/**
 * Null where it is too large: what is beyond the limit is not read. A declared length is believed, because the server's parser
 * enforces it; most servers read such a body several times faster as a text than by a stream.
 */
async function readText(request: Request, bodyBytesMax: number): Promise<string | null> {
  const declaredBytes = request.headers.get('content-length');
  if (declaredBytes !== null) return Number(declaredBytes) > bodyBytesMax ? null : request.text();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function digestsIn(headers: Headers): string[] {
  return (headers.get('content-digest') ?? '').split(',').map((digest) => digest.trim());
}

function unauthenticated(request: Request, [type, detail]: Unbelieved): Answer {
  return {
    ...problem(401, type, detail),
    headers: { 'accept-signature': acceptedSignature(signedPart(request)) },
  };
}

function wholeIn(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
