/** Who asked, as far as is known: what roles, limits and the audit go by. The guard says it of every request that it lets in. */
import type { Context } from 'hono';

export const ROLES = ['viewer', 'operator', 'submitter', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What a role may do, it may by the roles that stand here beside it. */
const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  viewer: [],
  operator: ['viewer'],
  submitter: [],
  admin: ['viewer', 'operator', 'submitter'],
};

export interface Caller {
  /**
   * How it is known: not at all, where nothing asks for it; by the one `API_TOKEN`, which many may share; by a token with a name; by
   * OpenID Connect; or as the participant of the call that a call-back answers.
   */
  readonly kind: 'anonymous' | 'api-token' | 'token' | 'user' | 'participant';
  /** Among those of its kind: a token's name, a user's subject, a step's name. At most 255 characters, none of them a blank. */
  readonly name: string;
  /** With those that they include. */
  readonly roles: ReadonlySet<Role>;
  /** Ids of the machines whose sagas a submitter may start; `null` for all. */
  readonly machines: ReadonlySet<string> | null;
}

declare module 'hono' {
  interface ContextVariableMap {
    caller: Caller | undefined;
  }
}

export function caller(
  kind: Caller['kind'],
  name: string,
  roles: readonly Role[],
  machines: readonly string[] | null = null,
): Caller {
  return Object.freeze({
    kind,
    name,
    roles: new Set(roles.flatMap((role) => [role, ...INCLUDES[role]])),
    machines: machines && new Set(machines),
  });
}

/** Of whom nothing is known, and nothing asked: it may all that is open. */
export const ANONYMOUS = caller('anonymous', 'anonymous', ['admin']);

/** Anonymous also where a request was refused before anybody looked. */
export function callerOf(c: Context): Caller {
  return c.get('caller') ?? ANONYMOUS;
}

/** Unique over all kinds: by what limits are kept, and the audit finds what one has done. */
export function keyOf({ kind, name }: Caller): string {
  return `${kind}:${name}`;
}
