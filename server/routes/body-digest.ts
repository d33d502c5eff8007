import { hash } from 'node:crypto';

/** SHA-256 of what was sent with an idempotency key, in the form that a store keeps in fewer letters once its saga rests. */
export function bodyDigestOf(text: string): string {
  return hash('sha256', text, 'base64url');
}
