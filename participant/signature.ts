/**
 * Who made a call, and that nobody has altered it: HTTP Message Signatures (RFC 9421) with hmac-sha256 and a Content-Digest (RFC 9530), as
 * docs/participants.md says it. Both sides use this file, so that they cannot differ.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** What each signature covers; `@query` too, where there is one. Without `saga-id` and `saga-step` a call could be sent again as that of another saga. */
const COVERED = ['@method', '@path', 'content-digest', 'idempotency-key', 'saga-id', 'saga-step'] as const;
/** The same of a question, which has neither a body nor an effect that could happen twice. */
const COVERED_ASKING = ['@method', '@path', 'saga-id', 'saga-step'] as const;
const ALGORITHM = 'hmac-sha256';

/** What is asked for where a signature is missing or wrong (RFC 9421, 5.1). */
export function acceptedSignature(request: Pick<SignedRequest, 'method' | 'path'>): string {
  return `saga=(${quoted(coveredBy(request))});created;keyid;alg="${ALGORITHM}"`;
}

export interface SigningKey {
  /** Letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  readonly secret: string;
}

/** A request, as far as it is signed. */
export interface SignedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly header: (name: string) => string | null;
}

/** Why a signature is not believed. */
export type Unbelieved = readonly [type: string, detail: string];

export function contentDigest(body: string | Buffer): string {
  return `sha-256=:${hash('sha256', body, 'base64')}:`;
}

/**
 * @param body `null` of a question
 * @returns names and values in turn, to be sent beside those that are covered
 */
export function signed(
  request: SignedRequest,
  body: string | null,
  { id, secret }: SigningKey,
  nowMs: number,
): string[] {
  const digest = body === null ? null : contentDigest(body);
  const components = coveredBy(request);
  const params = `(${quoted(components)});created=${Math.floor(nowMs / 1000)};keyid="${id}";alg="${ALGORITHM}"`;
  const header = (name: string) => (name === 'content-digest' ? digest : request.header(name));
  const base = baseOf({ ...request, header }, components, params);
  if (base === null) throw new Error('a header that is to be signed is missing');
  return [
    ...(digest === null ? [] : ['content-digest', digest]),
    ...['signature-input', `saga=${params}`],
    ...['signature', `saga=:${hmac(secret, base).toString('base64')}:`],
  ];
}

function coveredBy({ method, path }: Pick<SignedRequest, 'method' | 'path'>): readonly string[] {
  const covered = method === 'GET' ? COVERED_ASKING : COVERED;
  return path.includes('?') ? [...covered, '@query'] : covered;
}

/**
 * Looks at all but the body: that is held against `content-digest` by who has read it.
 *
 * @param keys secrets by id; of several signatures one by a known key is enough
 * @returns `null` where it is believed
 */
export function unbelieved(
  request: SignedRequest,
  keys: Readonly<Record<string, string>>,
  { nowMs, ageMsMax }: { readonly nowMs: number; readonly ageMsMax: number },
): Unbelieved | null {
  const inputs = inputsIn(request.header('signature-input') ?? '');
  const signatures = request.header('signature') ?? '';
  if (inputs.length === 0 || signatures === '') return ['signature-missing', 'The call is not signed.'];
  const input = inputs.find(({ keyId }) => Object.hasOwn(keys, keyId));
  if (input === undefined) return ['signature-unknown-key', 'No signature is by a key that is known here.'];
  const { label, components, params, created, expires, algorithm, keyId } = input;
  const missing = coveredBy(request).filter((name) => !components.includes(name));
  if (missing.length > 0) return ['signature-too-little', `It does not cover ${missing.join(', ')}.`];
  const given = new RegExp(`(?:^|,)\\s*${label}=:([A-Za-z0-9+/]{43}=):\\s*(?:,|$)`).exec(signatures)?.[1];
  const base = baseOf(request, components, params);
  const isOurs = algorithm === null || algorithm === ALGORITHM;
  const isRight =
    isOurs &&
    base !== null &&
    given !== undefined &&
    timingSafeEqual(Buffer.from(given, 'base64'), hmac(keys[keyId] as string, base));
  if (!isRight) return ['signature-wrong', 'The signature is not that of this call.'];
  const ageMs = nowMs - (created ?? Number.NEGATIVE_INFINITY) * 1000;
  if (!(Math.abs(ageMs) <= ageMsMax) || (expires !== null && nowMs > expires * 1000))
    return ['signature-too-old', `It was made at another time than within ${ageMsMax / 1000} s of now.`];
  return null;
}

interface Input {
  readonly label: string;
  /** As it was written: so it was signed. */
  readonly params: string;
  readonly components: readonly string[];
  readonly keyId: string;
  readonly created: number | null;
  readonly expires: number | null;
  readonly algorithm: string | null;
}

const MEMBER = /(?:^|,)\s*([a-z][a-z0-9_-]*)=(\(([^()]*)\)((?:;[a-z]+=(?:"[^"\\]*"|\d{1,15}))*))/g;

function inputsIn(header: string): Input[] {
  return [...header.matchAll(MEMBER)].flatMap(([, label = '', params = '', names = '', rest = '']) => {
    const words = names.split(' ').filter((word) => word !== '');
    // A component with parameters of its own is none that this profile knows.
    if (!words.every((word) => /^"[a-z0-9@-]+"$/.test(word))) return [];
    const text = (name: string) => new RegExp(`;${name}="([^"]*)"`).exec(rest)?.[1] ?? null;
    const number = (name: string) => {
      const digits = new RegExp(`;${name}=(\\d+)`).exec(rest)?.[1];
      return digits === undefined ? null : Number(digits);
    };
    return {
      ...{ label, params, components: words.map((word) => word.slice(1, -1)), keyId: text('keyid') ?? '' },
      ...{ created: number('created'), expires: number('expires'), algorithm: text('alg') },
    };
  });
}

/** RFC 9421, 2.5; `null` where a component is missing, stands there twice, or is not known. */
function baseOf(request: SignedRequest, components: readonly string[], params: string): string | null {
  if (new Set(components).size !== components.length) return null;
  const lines: string[] = [];
  for (const name of components) {
    const value = componentOf(request, name);
    if (value === null) return null;
    lines.push(`"${name}": ${value}`);
  }
  return [...lines, `"@signature-params": ${params}`].join('\n');
}

function componentOf({ method, path, header }: SignedRequest, name: string): string | null {
  const at = path.indexOf('?');
  if (name === '@method') return method;
  if (name === '@path') return at === -1 ? path : path.slice(0, at);
  if (name === '@query') return at === -1 ? '?' : path.slice(at);
  return name.startsWith('@') ? null : (header(name)?.trim() ?? null);
}

function hmac(secret: string, base: string): Buffer {
  return createHmac('sha256', secret).update(base).digest();
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(' ');
}
