/** Tokens that the settings name: the one `API_TOKEN`, and those with names. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Settings } from '../config.ts';
import { type Caller, caller, TOKEN_HOLDER } from './caller.ts';

/** A token, and who has it. */
export interface Held {
  /** A secret. */
  readonly token: string;
  readonly caller: Caller;
}

export function heldTokens({ apiToken, identity }: Pick<Settings, 'apiToken' | 'identity'>): Held[] {
  const shared = apiToken === null ? [] : [{ token: apiToken, caller: TOKEN_HOLDER }];
  const named = identity.tokens.map(({ token, name, grants }) => ({
    token,
    caller: caller('token', name, grants),
  }));
  return [...shared, ...named];
}

export class Tokens {
  readonly #known: readonly { readonly digest: Buffer; readonly caller: Caller }[];

  constructor(held: readonly Held[]) {
    this.#known = held.map(({ token, caller }) => ({ digest: digestOf(token), caller }));
  }

  /**
   * Who has the token; `null` where nobody has. Digests are of one length, and all are compared, so the time tells neither how long a token
   * is, nor how much of it was right, nor which it was.
   */
  holderOf(token: string): Caller | null {
    const given = digestOf(token);
    let found: Caller | null = null;
    for (const { digest, caller } of this.#known) if (timingSafeEqual(given, digest)) found = caller;
    return found;
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
