/** Who asked, as far as is known: what roles, limits and the audit go by. The guard says it of every request that it lets in. */
import type { Context } from 'hono';
import { Problem } from '../problem.ts';

export const ROLES = ['viewer', 'operator', 'submitter', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What a role may do, it may by the roles that stand here beside it. */
const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  viewer: [],
  operator: ['viewer'],
  submitter: [],
  admin: ['viewer', 'operator', 'submitter'],
};

/** A role, of a submitter perhaps for the sagas of one machine alone. */
export interface Grant {
  readonly role: Role;
  /** The machine's id; `null` for all. */
  readonly machine: string | null;
}

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

export function caller(kind: Caller['kind'], name: string, grants: readonly Grant[]): Caller {
  const machines = grants.filter(({ role }) => INCLUDES[role].includes('submitter') || role === 'submitter');
  const isLimited = machines.length > 0 && machines.every(({ machine }) => machine !== null);
  return Object.freeze({
    kind,
    name,
    roles: new Set(grants.flatMap(({ role }) => [role, ...INCLUDES[role]])),
    machines: isLimited ? new Set(machines.flatMap(({ machine }) => machine ?? [])) : null,
  });
}

const ALL: readonly Grant[] = [{ role: 'admin', machine: null }];

/** Of whom nothing is known, and nothing asked: it may all that is open. */
export const ANONYMOUS = caller('anonymous', 'anonymous', ALL);
/** Whoever has the one `API_TOKEN`. */
export const TOKEN_HOLDER = caller('api-token', 'api-token', ALL);

/** Anonymous also where a request was refused before anybody looked. */
export function callerOf(c: Context): Caller {
  return c.get('caller') ?? ANONYMOUS;
}

/** Unique over all kinds: by what limits are kept, and the audit finds what one has done. */
export function keyOf({ kind, name }: Caller): string {
  return `${kind}:${name}`;
}

/**
 * What the log says of who asked. Where that is known, nothing that they typed takes its place: a name that they gave beside it follows in
 * brackets, and what stands before the first blank is who they are. Where it is not, they are who they say, or `operator`.
 */
export function byOf(caller: Caller, typed: string | undefined): string {
  if (!isIdentified(caller)) return typed ?? 'operator';
  const { name } = caller;
  return typed === undefined || typed === name ? name : `${name} (for ${typed})`;
}

/** Whether its name says who asked, rather than what opened the door. */
export function isIdentified({ kind }: Caller): boolean {
  return kind === 'token' || kind === 'user';
}

/** On a page it takes both: whoever operates need not start, and whoever starts need not see. */
export function mayStartByHand({ roles, machines }: Caller, machine: string): boolean {
  return roles.has('operator') && roles.has('submitter') && (machines === null || machines.has(machine));
}

/** What pages offer to do goes by this; the guard decides whether it is done. */
export function mayOperate({ roles }: Caller): boolean {
  return roles.has('operator');
}

/** @throws Problem where the caller may have to do with sagas of other machines alone */
export function checkMachine({ name, machines }: Caller, machine: string): void {
  if (machines === null || machines.has(machine)) return;
  const detail = `${name} does not have the role submitter for ${machine}`;
  throw new Problem('forbidden', detail, { roles: [`submitter:${machine}`] });
}
