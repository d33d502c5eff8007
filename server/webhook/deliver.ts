/** One message over HTTP, signed as calls to participants are. */
import { signed } from '../../participant/signature.ts';
import type { SigningKey } from '../service-settings.ts';
import type { Message } from './messages.ts';

export interface WebhookTarget {
  /** Without credentials. */
  readonly url: string;
  /** Names and values in turn; secrets. */
  readonly headers: readonly string[];
  readonly signingKey: SigningKey | null;
}

const ANSWER_WITHIN_MS = 10_000;

/**
 * Answers why it was not taken; `null` where it was, by any 2xx.
 * @param ending given up when this aborts
 */
export type Deliver = (message: Message, ending: AbortSignal) => Promise<string | null>;

export function deliverTo({ url, headers, signingKey }: WebhookTarget, now: () => number): Deliver {
  const { pathname, search } = new URL(url);
  return async (message, ending) => {
    const body = JSON.stringify(message);
    const own: Record<string, string> = {
      'content-type': 'application/json',
      // What a signature covers: to whoever verifies, a message is a call like any other.
      'idempotency-key': message.id,
      'saga-id': message.saga?.saga_id ?? '-',
      'saga-step': message.type,
    };
    const request = {
      method: 'POST',
      path: `${pathname}${search}`,
      header: (name: string) => own[name] ?? null,
    };
    const all = [...headers, ...(signingKey === null ? [] : signed(request, body, signingKey, now()))];
    for (let i = 0; i < all.length; i += 2) own[all[i] ?? ''] = all[i + 1] ?? '';
    try {
      const signal = AbortSignal.any([ending, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const answer = await fetch(url, { method: 'POST', headers: own, body, redirect: 'manual', signal });
      await answer.body?.cancel();
      return answer.ok ? null : `it answered ${answer.status}`;
    } catch (error) {
      const { cause, message: said } = error as Error & { readonly cause?: { readonly code?: string } };
      return cause?.code ?? said;
    }
  };
}
