/** Whether a token is one of the provider's, for whom it is meant, and who has it. */
import { errors, jwtVerify } from 'jose';
import type { OidcSettings } from '../identity-settings.ts';
import { Problem } from '../problem.ts';
import type { Caller } from './caller.ts';
import { type Claims, callerIn } from './claims.ts';
import { ProviderError, type ProviderKeys } from './provider-keys.ts';

export class Verifier {
  readonly #settings: OidcSettings;
  readonly #keys: ProviderKeys;
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(settings: OidcSettings, keys: ProviderKeys, now: () => number) {
    this.#settings = settings;
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * Who has a bearer token.
   * @throws Problem `unauthorized` for one that will not do, `identity-unavailable` where nobody can tell
   */
  async callerOf(token: string): Promise<Caller> {
    const { audience } = this.#settings;
    if (audience === null) throw unusable('no bearer token of the provider is taken here');
    return this.callerIn(await this.claimsOf(token, audience));
  }

  callerIn(claims: Claims): Caller {
    return callerIn(claims, this.#settings);
  }

  /** @throws as `callerOf` */
  async claimsOf(token: string, audience: readonly string[]): Promise<Claims> {
    const { issuer, algorithms, clockSkewMs } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, this.#keys.get, {
        issuer,
        audience: [...audience],
        algorithms: [...algorithms],
        clockTolerance: clockSkewMs / 1000,
        currentDate: new Date(this.#now()),
        requiredClaims: ['exp', 'sub'],
      });
      if (typeof payload.sub !== 'string' || payload.sub === '')
        throw unusable('the token says not whose it is');
      return payload as Claims;
    } catch (error) {
      if (error instanceof ProviderError)
        throw new Problem('identity-unavailable', 'the provider of identities does not answer');
      if (error instanceof errors.JOSEError) throw unusable(whyNot(error));
      throw error;
    }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'the token has expired',
  ERR_JOSE_ALG_NOT_ALLOWED: 'the token is signed by an algorithm that is not taken',
  ERR_JWKS_NO_MATCHING_KEY: 'the token is signed by no key of the provider',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'the token does not name its key, and the provider has several',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature of the token is wrong',
};
const OF_CLAIMS: Readonly<Record<string, string>> = {
  iss: 'the token is of another issuer',
  aud: 'the token is meant for another audience',
  nbf: 'the token is not valid yet',
};

function whyNot(error: errors.JOSEError): string {
  const { claim } = error as Partial<errors.JWTClaimValidationFailed>;
  return REASONS[error.code] ?? OF_CLAIMS[claim ?? ''] ?? 'the token cannot be read, or lacks a claim';
}

/** As RFC 6750 has it. */
function unusable(detail: string): Problem {
  const challenge = `Bearer error="invalid_token", error_description="${detail}"`;
  return new Problem('unauthorized', detail, {}, { 'www-authenticate': challenge });
}
