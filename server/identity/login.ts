/**
 * How a browser logs in at the provider: authorization code flow with PKCE. What the browser must bring back stands sealed in a cookie of
 * its own, so that the coordinator which it comes back to need not be the one that sent it off.
 */
import type { Context } from 'hono';
import * as client from 'openid-client';
import type { Logger } from 'pino';
import type { OidcSettings } from '../identity-settings.ts';
import { Problem } from '../problem.ts';
import type { Caller } from './caller.ts';
import { SealedCookie } from './sealed.ts';
import type { Verifier } from './verifier.ts';

/** A login that has begun. */
interface Begun {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUrl: string;
  /** Where the browser wanted to go. */
  readonly to: string;
}

/** With a login in them. */
type LoginSettings = OidcSettings & { readonly login: NonNullable<OidcSettings['login']> };

const LOGIN_MS = 10 * 60_000;
const TIMEOUT_SECONDS = 5;

export interface LoginParts {
  readonly verifier: Verifier;
  /** Of the store. */
  readonly secret: string;
  readonly logger: Pick<Logger, 'warn'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Login {
  readonly #settings: LoginSettings;
  readonly #parts: LoginParts;
  readonly #begun: SealedCookie<Begun>;
  #provider: Promise<client.Configuration> | null = null;

  constructor(settings: LoginSettings, parts: LoginParts) {
    this.#settings = settings;
    this.#parts = parts;
    const { secret, now } = parts;
    this.#begun = new SealedCookie('saga-login', '/login', { secret, purpose: '', lifeMs: LOGIN_MS, now });
  }

  /**
   * Where the browser is sent.
   * @param ownUrl of this coordinator, as the browser has it
   * @throws Problem where the provider does not answer
   */
  async begin(c: Context, ownUrl: string, to: string): Promise<string> {
    const { scope, redirectUrl } = this.#settings.login;
    const begun: Begun = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      redirectUrl: redirectUrl ?? `${ownUrl}/login/callback`,
      to,
    };
    const url = client.buildAuthorizationUrl(await this.#reached(), {
      redirect_uri: begun.redirectUrl,
      scope,
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    });
    await this.#begun.write(c, begun);
    return url.href;
  }

  /**
   * Who came back, and where to.
   * @throws Problem `login-failed`, or `identity-unavailable` where the provider does not answer
   */
  async finish(c: Context): Promise<{ readonly caller: Caller; readonly to: string }> {
    const begun = await this.#begun.read(c);
    this.#begun.clear(c);
    if (begun === null)
      throw new Problem('login-failed', 'it was not begun in this browser, or more than ten minutes ago');
    const { verifier } = this.#parts;
    const { clientId } = this.#settings.login;
    const back = new URL(begun.redirectUrl);
    back.search = new URL(c.req.url).search;
    const answer = await this.#asked(async () =>
      client.authorizationCodeGrant(await this.#reached(), back, {
        pkceCodeVerifier: begun.verifier,
        expectedState: begun.state,
        expectedNonce: begun.nonce,
        idTokenExpected: true,
      }),
    );
    // The library looks at what it claims; by whom it is signed is looked at as with every other token.
    const claims = await verifier.claimsOf(answer.id_token ?? '', [clientId]).catch((error: unknown) => {
      const isWrong = error instanceof Problem && error.type === 'unauthorized';
      throw isWrong ? new Problem('login-failed', error.message) : error;
    });
    return { caller: verifier.callerIn(claims), to: begun.to };
  }

  async #reached(): Promise<client.Configuration> {
    this.#provider ??= this.#asked(() => this.#discover());
    try {
      return await this.#provider;
    } catch (error) {
      this.#provider = null;
      throw error;
    }
  }

  #discover(): Promise<client.Configuration> {
    const { issuer, clockSkewMs, login } = this.#settings;
    const { clientId, clientSecret } = login;
    const authentication = clientSecret === null ? client.None() : client.ClientSecretBasic(clientSecret);
    const metadata = { [client.clockTolerance]: clockSkewMs / 1000 };
    return client.discovery(new URL(issuer), clientId, metadata, authentication, {
      timeout: TIMEOUT_SECONDS,
      // The settings let nothing but loopback be without TLS.
      ...(issuer.startsWith('http:') && { execute: [client.allowInsecureRequests] }),
    });
  }

  /** @throws Problem for whatever comes of the provider, which the log has whole */
  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Problem) throw error;
      const { message, code, cause } = error as Error & { code?: string };
      this.#parts.logger.warn({ why: message, code, cause: String(cause) }, 'a login at the provider failed');
      if (cause instanceof Response && cause.status >= 500) throw unavailable();
      if (error instanceof client.AuthorizationResponseError)
        throw new Problem('login-failed', `the provider says ${error.error}`);
      if (error instanceof client.ClientError || error instanceof client.ResponseBodyError)
        throw new Problem('login-failed', 'what the provider answered will not do; the log says why');
      throw unavailable();
    }
  }
}

function unavailable(): Problem {
  return new Problem('identity-unavailable', 'the provider of identities does not answer');
}
