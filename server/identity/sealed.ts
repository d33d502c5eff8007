/**
 * Cookies that only the coordinators of one store can write or read: encrypted (AES-256-GCM) under a key that is made of the store's
 * secret. Nothing of them is kept, so any coordinator of the store reads what another has written, also after a restart.
 */
import { hkdfSync } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import { baseOf, isSecure } from '../edge.ts';

export class SealedCookie<T extends object> {
  readonly #name: string;
  readonly #path: string;
  readonly #key: Uint8Array;
  readonly #lifeMs: number;
  readonly #now: () => number;

  /**
   * @param path below which browsers send it
   * @param purpose what is sealed for another is not read as this
   * @param now milliseconds since 1970
   */
  constructor(
    name: string,
    path: string,
    { secret, purpose, lifeMs, now }: { secret: string; purpose: string; lifeMs: number; now: () => number },
  ) {
    this.#name = name;
    this.#path = path;
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', `${name}\n${purpose}`, 32));
    this.#lifeMs = lifeMs;
    this.#now = now;
  }

  async write(c: Context, value: T): Promise<void> {
    const until = Math.floor((this.#now() + this.#lifeMs) / 1000);
    const sealed = await new EncryptJWT({ value })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(until)
      .encrypt(this.#key);
    setCookie(c, this.#name, sealed, {
      httpOnly: true,
      // Strict would be left out where the provider's page sends the browser back. What changes anything needs our Origin beside it.
      sameSite: 'Lax',
      path: `${baseOf(c)}${this.#path}`,
      maxAge: Math.floor(this.#lifeMs / 1000),
      secure: isSecure(c),
    });
  }

  /** `null` where there is none, or one that is over, or not of ours. */
  async read(c: Context): Promise<T | null> {
    const sealed = getCookie(c, this.#name);
    if (sealed === undefined) return null;
    try {
      const { payload } = await jwtDecrypt(sealed, this.#key, {
        currentDate: new Date(this.#now()),
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        requiredClaims: ['exp'],
      });
      return payload.value as T;
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  clear(c: Context): void {
    deleteCookie(c, this.#name, { path: `${baseOf(c)}${this.#path}` });
  }
}
