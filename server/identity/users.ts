/** People and programs that a provider of OpenID Connect knows: by bearer tokens, and by sessions of the dashboard. */
import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { OidcSettings } from '../identity-settings.ts';
import type { Caller, Role } from './caller.ts';
import { Login } from './login.ts';
import { ProviderKeys } from './provider-keys.ts';
import { SealedCookie } from './sealed.ts';
import { Verifier } from './verifier.ts';

export interface UsersParts {
  /** Of the store: by it any of its coordinators reads the sessions of the others. */
  readonly secret: string;
  readonly logger: Logger;
  readonly clock: { now(): number; monotonic(): number };
}

/** Who is logged in, as it stands in the cookie. */
interface LoggedIn {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly machines: readonly string[] | null;
}

export class Users {
  /** Of browsers; `null` where nobody logs in by the provider. */
  readonly login: Login | null;
  readonly #verifier: Verifier;
  readonly #session: SealedCookie<LoggedIn> | null;

  constructor(settings: OidcSettings, { secret, logger, clock }: UsersParts) {
    const now = () => clock.now();
    const keys = new ProviderKeys(settings, () => clock.monotonic(), logger);
    this.#verifier = new Verifier(settings, keys, now);
    const { issuer, rules, login } = settings;
    const verifier = this.#verifier;
    this.login = login && new Login({ ...settings, login }, { verifier, secret, logger, now });
    // Whoever has other roles by other rules logs in again.
    const purpose = JSON.stringify([issuer, login?.clientId, rules]);
    this.#session =
      login && new SealedCookie('saga-user', '/', { secret, purpose, lifeMs: login.sessionMs, now });
  }

  /** @throws Problem `unauthorized`, or `identity-unavailable` where nobody can tell */
  withToken(token: string): Promise<Caller> {
    return this.#verifier.callerOf(token);
  }

  /** Who the browser is, by its cookie alone. */
  async inSession(c: Context): Promise<Caller | null> {
    const found = (await this.#session?.read(c)) ?? null;
    if (found === null) return null;
    const { name, roles, machines } = found;
    return { kind: 'user', name, roles: new Set(roles), machines: machines && new Set(machines) };
  }

  async openSession(c: Context, { name, roles, machines }: Caller): Promise<void> {
    await this.#session?.write(c, { name, roles: [...roles], machines: machines && [...machines] });
  }

  closeSession(c: Context): void {
    this.#session?.clear(c);
  }
}
