/** From a request to a call: what is wrong with it, and until when its caller waits. */
import { type Answer, problem } from './answer.ts';
import type { Step } from './ledger.ts';
import { ACCEPT_SIGNATURE, contentDigest, type Unbelieved, unbelieved } from './signature.ts';

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
  if (signingKeys !== undefined) {
    const { pathname, search } = new URL(request.url);
    const wrong = unbelieved(
      { method: request.method, path: pathname + search, header: (name) => headers.get(name) },
      signingKeys,
      { nowMs: Date.now(), ageMsMax: signatureAgeMsMax },
    );
    if (wrong !== null) return { refusal: unauthenticated(wrong) };
  }
  const text = await readText(request, bodyBytesMax);
  if (text === null)
    return { refusal: problem(413, 'body-too-large', `A body may have ${bodyBytesMax} bytes.`) };
  if (signingKeys !== undefined && !digestsIn(headers).includes(contentDigest(text)))
    return { refusal: unauthenticated(['digest-wrong', 'The body is not the one that was signed.']) };
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

function unauthenticated([type, detail]: Unbelieved): Answer {
  return { ...problem(401, type, detail), headers: { 'accept-signature': ACCEPT_SIGNATURE } };
}

function wholeIn(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
