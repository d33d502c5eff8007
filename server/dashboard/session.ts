/**
 * Lets a browser in that has shown the token once. The cookie is made from the token and not the token itself, so that a
 * leaked cookie opens the pages but is no key to hand on; every coordinator with the token makes the same one, and none
 * needs to remember it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { baseOf } from '../edge.ts';

const COOKIE = 'saga-session';
const DAYS = 7;

export class Session {
  readonly #value: string;
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
    this.#value = createHmac('sha256', token).update('dashboard session').digest('base64url');
  }

  isOpen(c: Context): boolean {
    const given = getCookie(c, COOKIE);
    return given !== undefined && isSame(given, this.#value);
  }

  /** Whether the token was the right one. */
  open(c: Context, token: string): boolean {
    if (!isSame(token, this.#token)) return false;
    setCookie(c, COOKIE, this.#value, {
      httpOnly: true,
      sameSite: 'Strict',
      path: `${baseOf(c)}/`,
      maxAge: DAYS * 24 * 3600,
      // A proxy that ends TLS and is not trusted leaves no other trace than the page's own origin.
      secure: c.get('outside')?.scheme === 'https' || c.req.header('origin')?.startsWith('https:') === true,
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
