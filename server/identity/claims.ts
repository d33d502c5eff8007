/** From what a provider claims of somebody to a caller with roles. */
import type { ClaimRule, OidcSettings } from '../identity-settings.ts';
import { type Caller, caller, type Grant } from './caller.ts';

export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string };

const NAME_LENGTH_MAX = 255;

export function callerIn(
  claims: Claims,
  { nameClaim, rules }: Pick<OidcSettings, 'nameClaim' | 'rules'>,
): Caller {
  const named = claimIn(claims, nameClaim);
  return caller(
    'user',
    writable(typeof named === 'string' && named !== '' ? named : claims.sub),
    grantsIn(claims, rules),
  );
}

function grantsIn(claims: Claims, rules: readonly ClaimRule[]): Grant[] {
  return rules
    .filter(({ claim, value }) => valuesIn(claims, claim).includes(value))
    .flatMap(({ grants }) => grants);
}

function valuesIn(claims: Claims, name: string): readonly unknown[] {
  const value = claimIn(claims, name);
  if (Array.isArray(value)) return value;
  // The one claim that is a list in a text (RFC 8693).
  if (typeof value === 'string' && (name === 'scope' || name === 'scp')) return value.split(' ');
  return [value];
}

/** `realm_access.roles` lies within another, unless something is called so itself: some providers name claims by URLs. */
function claimIn(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split('.').reduce<unknown>((value, part) => {
    return typeof value === 'object' && value !== null && Object.hasOwn(value, part)
      ? (value as Record<string, unknown>)[part]
      : undefined;
  }, claims);
}

/** Without blanks, which end a name in the log, and without what nobody sees, which makes one look like another. */
function writable(name: string): string {
  return name.replaceAll(/[\s\p{C}%]/gu, escaped).slice(0, NAME_LENGTH_MAX);
}

function escaped(one: string): string {
  return [...Buffer.from(one)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
