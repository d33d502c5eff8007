/**
 * The public keys of an OpenID Connect provider. They are fetched when they are first needed, and again when a token names one that is not
 * among them, so that a key that is new is known at once; never more often than the cool-down lets, whatever tokens name.
 *
 * While the provider cannot be reached its last keys go on to serve, for an hour; nobody can be let in by a key that is not known. Whoever
 * brings one then is told to come again, not that the token is wrong: a client would throw a good one away.
 */
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Logger } from 'pino';
import { isSafeUrl } from '../hosts.ts';
import type { OidcSettings } from '../identity-settings.ts';

/** The provider does not answer, or not as one does. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
}

const TIMEOUT_MS = 5000;
/** Older keys are fetched again, beside the request that saw it. */
const FRESH_MS = 10 * 60_000;
/** Older keys serve nobody: one may have been taken back since. */
const STALE_MAX_MS = 60 * 60_000;
/** Between two fetches because of a key that is not known. */
const COOLDOWN_MS = 30_000;
/** After one that failed, within which nobody waits for another. */
const FAILED_MS = 2000;

/** An answer that is none of keys, or never came whole: of the token it says nothing. */
const NO_KEYS: ReadonlySet<string> = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;

export class ProviderKeys {
  readonly #settings: Pick<OidcSettings, 'issuer' | 'jwksUrl'>;
  readonly #now: () => number;
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  readonly #cooldownMs: number;
  #keys: Promise<RemoteKeys> | null = null;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #isDown = false;

  /** @param now in monotonic milliseconds */
  constructor(
    settings: Pick<OidcSettings, 'issuer' | 'jwksUrl'>,
    now: () => number,
    logger: Pick<Logger, 'info' | 'warn'>,
    cooldownMs = COOLDOWN_MS,
  ) {
    this.#settings = settings;
    this.#now = now;
    this.#logger = logger;
    this.#cooldownMs = cooldownMs;
  }

  /** @throws ProviderError; an error of jose for a key that the provider does not have */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    try {
      const keys = await this.#found();
      const age = this.#now() - this.#fetchedAt;
      if (age > STALE_MAX_MS) await this.#reload(keys);
      // What comes of it the log says; the keys that are known serve meanwhile.
      else if (age > FRESH_MS && !this.#justFailed) void this.#reload(keys).catch(() => {});
      return await keys(header, token);
    } catch (error) {
      throw error instanceof errors.JOSEError && NO_KEYS.has(error.code)
        ? this.#failed(error.message)
        : error;
    }
  };

  get #justFailed(): boolean {
    return this.#now() - this.#failedAt < FAILED_MS;
  }

  async #reload(keys: RemoteKeys): Promise<void> {
    await keys.reload();
    this.#fetchedAt = this.#now();
  }

  async #found(): Promise<RemoteKeys> {
    this.#keys ??= this.#find();
    try {
      return await this.#keys;
    } catch (error) {
      this.#keys = null;
      throw error;
    }
  }

  async #find(): Promise<RemoteKeys> {
    const url = this.#settings.jwksUrl ?? (await this.#urlInConfiguration());
    return createRemoteJWKSet(new URL(url), {
      // How old they may be is decided here: jose would let a provider that is away take the keys with it.
      cacheMaxAge: Number.POSITIVE_INFINITY,
      cooldownDuration: this.#cooldownMs,
      timeoutDuration: TIMEOUT_MS,
      [customFetch]: (where, options) => this.#fetch(where, options),
    });
  }

  /** As OpenID Connect Discovery says: whose configuration names another issuer is none of this one. */
  async #urlInConfiguration(): Promise<string> {
    const { issuer } = this.#settings;
    const where = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await this.#fetch(where, {
      redirect: 'manual',
      signal,
      headers: { accept: 'application/json' },
    });
    const said = (await answer.json().catch(() => null)) as { issuer?: unknown; jwks_uri?: unknown } | null;
    const uri = said?.jwks_uri;
    if (said?.issuer !== issuer || typeof uri !== 'string' || !isSafeUrl(uri))
      throw this.#failed(`${where} is no configuration of this issuer`);
    return uri;
  }

  async #fetch(url: string, options: RequestInit): Promise<Response> {
    if (this.#justFailed) throw new ProviderError('it did not answer a moment ago');
    const answer = await fetch(url, options).catch((error: Error) => {
      throw this.#failed(`${url}: ${String((error.cause as Error | undefined)?.message ?? error.message)}`);
    });
    if (answer.status !== 200) throw this.#failed(`${url} answers ${answer.status}`);
    if (this.#isDown) this.#logger.info({ issuer: this.#settings.issuer }, 'the provider answers again');
    this.#isDown = false;
    return answer;
  }

  /** Said once for as long as it lasts. */
  #failed(why: string): ProviderError {
    this.#failedAt = this.#now();
    if (!this.#isDown)
      this.#logger.warn({ issuer: this.#settings.issuer, why }, 'the keys of the provider cannot be fetched');
    this.#isDown = true;
    return new ProviderError(why);
  }
}
