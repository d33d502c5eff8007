/**
 * Lets a browser in that has shown a token once. The cookie is made from the token and not the token itself, so that a
 * leaked cookie opens the pages but is no key to hand on; every coordinator with the token makes the same one, and none
 * needs to remember it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { baseOf, isSecure } from '../edge.ts';
import type { Caller } from '../identity/caller.ts';
import type { Held } from '../identity/tokens.ts';

const COOKIE = 'saga-session';
const DAYS = 7;

export class Session {
  readonly #held: readonly (Held & { readonly value: string })[];

  constructor(held: readonly Held[]) {
    this.#held = held.map(({ token, caller }) => ({
      token,
      caller,
      value: createHmac('sha256', token).update('dashboard session').digest('base64url'),
    }));
  }

  /** Who has shown a token that is still one. */
  callerIn(c: Context): Caller | null {
    const given = getCookie(c, COOKIE);
    if (given === undefined) return null;
    let found: Caller | null = null;
    for (const { value, caller } of this.#held) if (isSame(given, value)) found = caller;
    return found;
  }

  /** Whether the token was a right one. */
  open(c: Context, token: string): boolean {
    let found: string | null = null;
    for (const held of this.#held) if (isSame(token, held.token)) found = held.value;
    if (found === null) return false;
    setCookie(c, COOKIE, found, {
      httpOnly: true,
      sameSite: 'Strict',
      path: `${baseOf(c)}/`,
      maxAge: DAYS * 24 * 3600,
      secure: isSecure(c),
    });
    return true;
  }

  close(c: Context): void {
    deleteCookie(c, COOKIE, { path: `${baseOf(c)}/` });
  }
}

/** Digests are of one length, so the time tells nothing of either text. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
