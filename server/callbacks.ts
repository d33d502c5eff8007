/**
 * Call-backs of asynchronous participants: where one says what came of its call, and the token by which it proves that the
 * call was made to it. The token is an HMAC over saga, step and attempt under a secret of the store, so nothing of it is kept,
 * and every coordinator of the store knows it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from '../machines/index.ts';

export const CALLBACK_TOKEN = 'saga-callback-token';
const CALLBACK_URL = 'saga-callback-url';

/** As our own ids and names are written: what is escaped is none of ours. */
const DOOR = /^\/api\/coordinator\/sagas\/([\w.-]+)\/steps\/([\w.-]+)\/outcome$/;
const TOKEN = /^([1-9]\d{0,8})\.([\w-]{43})$/;

export class Callbacks {
  readonly #secret: string;
  readonly #base: () => string | null;

  /** @param base where participants reach the coordinator, without a slash at its end; `null` where nobody knows */
  constructor(secret: string, base: () => string | null) {
    this.#secret = secret;
    this.#base = base;
  }

  /** What the call of an asynchronous step carries: names and values in turn. */
  headersOf(sagaId: string, { step, attempt }: Pick<Call, 'step' | 'attempt'>): readonly string[] {
    const token = [CALLBACK_TOKEN, `${attempt}.${this.#sign(sagaId, step, attempt)}`];
    const base = this.#base();
    if (base === null) return token;
    return [...token, CALLBACK_URL, `${base}/api/coordinator/sagas/${sagaId}/steps/${step}/outcome`];
  }

  /** The attempt whose call carried the token; `null` for one that no call to this door did. */
  attemptIn(path: string, token: string | undefined): number | null {
    const [, sagaId, step] = DOOR.exec(path) ?? [];
    const [, digits, signature] = TOKEN.exec(token ?? '') ?? [];
    if (sagaId === undefined || step === undefined || signature === undefined) return null;
    const attempt = Number(digits);
    const expected = Buffer.from(this.#sign(sagaId, step, attempt));
    return timingSafeEqual(Buffer.from(signature), expected) ? attempt : null;
  }

  #sign(sagaId: string, step: string, attempt: number): string {
    return createHmac('sha256', this.#secret)
      .update(`outcome\n${sagaId}\n${step}\n${attempt}`)
      .digest('base64url');
  }
}

/** Whether a request is for the door of call-backs, whoever makes it. */
export function isCallback(method: string, path: string): boolean {
  return method === 'POST' && DOOR.test(path);
}

/** The step whose door it is. */
export function stepIn(path: string): string {
  return DOOR.exec(path)?.[2] ?? '';
}
