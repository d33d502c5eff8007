/**
 * Who may ask, from the environment: tokens with names, a provider of OpenID Connect with the roles that its claims give, and
 * what is open to everybody. No problem says a word of a secret.
 */
import { z } from 'zod';
import { isSafeUrl } from './hosts.ts';
import { type Grant, ROLES, type Role } from './identity/caller.ts';
import { whole } from './numbers.ts';
import { textOf } from './service-settings.ts';

/** What can be opened to everybody by its name. */
export const OPENINGS = ['starts', 'metrics', 'health', 'docs'] as const;
export type Opening = (typeof OPENINGS)[number];

export interface NamedToken {
  /** Several tokens may have one name, while one takes the other's place. */
  readonly name: string;
  readonly grants: readonly Grant[];
  /** A secret. */
  readonly token: string;
}

/** Whose claim has this value, gets these roles. */
export interface ClaimRule {
  readonly claim: string;
  readonly value: string;
  readonly grants: readonly Grant[];
}

export interface OidcSettings {
  /** As it stands in `iss`, to the letter. */
  readonly issuer: string;
  /** Where its keys are; `null` where its configuration says so. */
  readonly jwksUrl: string | null;
  /** What a bearer token must be meant for; `null` where none is taken. */
  readonly audience: readonly string[] | null;
  readonly algorithms: readonly string[];
  readonly clockSkewMs: number;
  /** What a caller is called by. */
  readonly nameClaim: string;
  readonly rules: readonly ClaimRule[];
  /** Of the dashboard; `null` where nobody logs in by it. */
  readonly login: {
    readonly clientId: string;
    /** A secret; `null` for a public client. */
    readonly clientSecret: string | null;
    readonly scope: string;
    /** `null` for the one at which the browser asks. */
    readonly redirectUrl: string | null;
    readonly sessionMs: number;
  } | null;
}

export interface IdentitySettings {
  readonly tokens: readonly NamedToken[];
  readonly oidc: OidcSettings | null;
  /** To everybody, whatever else is asked for. */
  readonly open: ReadonlySet<Opening>;
}

/** Whose signature only the issuer can make. Those by a shared secret would let whoever checks a token make one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const ALGORITHMS_UNSET = 'RS256,PS256,ES256,EdDSA';
const ENTRIES_MAX = 1000;

/** Keys and codes that come over plain HTTP are whoever's is on the way. */
const secureUrl = z.string().refine(isSafeUrl, 'must be an https URL, or an http one on loopback');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== ''),
);
const schema = z.object({
  API_TOKENS: z.string().optional(),
  API_TOKENS_FILE: z.string().optional(),
  OPEN_ROUTES: list
    .refine(
      (names) =>
        names.every((name) => (OPENINGS as readonly string[]).includes(name)) || names.join() === 'none',
      `some of ${OPENINGS.join(', ')}, separated by commas, or none`,
    )
    .optional(),
  OIDC_ISSUER: secureUrl.optional(),
  OIDC_JWKS_URL: secureUrl.optional(),
  OIDC_AUDIENCE: list.optional(),
  OIDC_ALGORITHMS: list
    .refine(
      (names) => names.length > 0 && names.every((name) => ALGORITHMS.includes(name)),
      `some of ${ALGORITHMS.join(', ')}, separated by commas`,
    )
    .prefault(ALGORITHMS_UNSET),
  OIDC_CLOCK_SKEW_MS: whole(0, 5 * 60_000).default(30_000),
  OIDC_NAME_CLAIM: z.string().max(200).default('sub'),
  OIDC_ROLES: z.string().optional(),
  OIDC_CLIENT_ID: z.string().max(1000).optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_CLIENT_SECRET_FILE: z.string().optional(),
  OIDC_SCOPE: z
    .string()
    .refine((scope) => scope.split(' ').includes('openid'), 'must have openid in it, separated by blanks')
    .default('openid'),
  OIDC_REDIRECT_URL: secureUrl
    .refine((text) => /^[^?#]*\/login\/callback$/.test(text), 'must end with /login/callback')
    .optional(),
  OIDC_SESSION_HOURS: whole(1, 24 * 30).default(8),
});
type Values = z.infer<typeof schema>;

/** Every variable with its default, `null` where it has none. */
export const IDENTITY_VARIABLES: Readonly<Record<string, string | number | null>> = {
  ...Object.fromEntries(
    Object.entries(schema.shape).map(([name, type]) => {
      const unset = type.parse(undefined);
      return [name, typeof unset === 'string' || typeof unset === 'number' ? unset : null];
    }),
  ),
  OIDC_ALGORITHMS: ALGORITHMS_UNSET,
};

type About = (variable: keyof Values | 'ORDERS_NEED_TOKEN') => (problem: string) => void;

/**
 * @param env without empty variables
 * @param isHere whether it listens on loopback alone
 * @param complain is told what cannot be used, with the name of the variable
 */
export function readIdentity(
  env: Readonly<Record<string, string | undefined>>,
  { isHere, apiToken }: { readonly isHere: boolean; readonly apiToken: string | null },
  complain: (problem: string) => void,
): IdentitySettings {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) complain(`${path.join('.')}: ${message}`);
    return NONE;
  }
  const values = parsed.data;
  const about: About = (variable) => (problem) => complain(`${variable}: ${problem}`);
  const tokens = tokensIn(values, apiToken, about);
  const oidc = oidcIn(values, env, about);
  const isNamed = tokens.length > 0 || oidc !== null;
  const isAsked = isNamed || apiToken !== null;
  if (env.ORDERS_NEED_TOKEN === '1' && !isAsked)
    about('ORDERS_NEED_TOKEN')('there is no token to need; set API_TOKEN');
  const open = openIn(values, env.ORDERS_NEED_TOKEN, isHere && !isNamed, about);
  return Object.freeze({ tokens: Object.freeze(tokens), oidc, open });
}

const NONE: IdentitySettings = Object.freeze({ tokens: [], oidc: null, open: new Set<Opening>() });

/** @param unset whether all is open where nothing is said */
function openIn(
  { OPEN_ROUTES: named }: Values,
  needToken: string | undefined,
  unset: boolean,
  about: About,
): ReadonlySet<Opening> {
  const open = new Set(OPENINGS.filter((one) => named?.includes(one) ?? unset));
  if (needToken === '1' && named?.includes('starts'))
    about('OPEN_ROUTES')('starts need a token by ORDERS_NEED_TOKEN; leave one of them out');
  if (needToken === '1') open.delete('starts');
  if (needToken === '0') open.add('starts');
  return open;
}

/** One `NAME ROLES TOKEN` a line, or between semicolons. */
function tokensIn(
  { API_TOKENS: given, API_TOKENS_FILE: file }: Values,
  apiToken: string | null,
  about: About,
): NamedToken[] {
  if (given !== undefined && file !== undefined)
    about('API_TOKENS')('stands here and in a file; leave one of them out');
  const complain = about(given === undefined ? 'API_TOKENS_FILE' : 'API_TOKENS');
  const text = given ?? (file === undefined ? '' : (textOf(file, complain) ?? ''));
  const seen = new Set([apiToken]);
  return entriesIn(text, 'NAME ROLES TOKEN', complain).flatMap(({ at, words: [name, roles, token] }) => {
    if (!NAME.test(name)) complain(`${at}: a name has letters, digits and . _ @ - only, at most 100`);
    if (!TOKEN.test(token))
      complain(`${at}: a token has letters, digits and . _ ~ + / - only, 16 to 1024, with = at the end only`);
    if (seen.has(token)) complain(`${at}: the token stands there twice, or is API_TOKEN`);
    seen.add(token);
    return [{ name, grants: grantsIn(roles, at, complain), token }];
  });
}

const NAME = /^[\w.@-]{1,100}$/;
/** As `API_TOKEN` may be. */
const TOKEN = /^(?=.{16,1024}$)[\w.~+/-]+=*$/;

interface Entry {
  /** Where it stands, as people count. */
  readonly at: string;
  readonly words: readonly [string, string, string];
}

function entriesIn(text: string, shape: string, complain: (problem: string) => void): Entry[] {
  const found = text.split(/[\n;]/).flatMap((line, index): Entry[] => {
    const words = line
      .replace(/^\s*#.*$/, '')
      .trim()
      .split(/\s+/);
    const [first = '', second = '', third = ''] = words;
    if (first === '' && words.length === 1) return [];
    const at = `entry ${index + 1}`;
    if (words.length !== 3) complain(`${at} must be "${shape}"`);
    return words.length === 3 ? [{ at, words: [first, second, third] }] : [];
  });
  if (found.length > ENTRIES_MAX) complain(`at most ${ENTRIES_MAX} entries`);
  return found;
}

/** `viewer`, `operator,submitter:order` */
function grantsIn(roles: string, at: string, complain: (problem: string) => void): readonly Grant[] {
  const grants = roles.split(',').map((text): Grant => {
    const [, role = '', machine = null] = /^([a-z]+)(?::([\w.-]{1,100}))?$/.exec(text) ?? [];
    if (!isRole(role) || (machine !== null && role !== 'submitter'))
      complain(`${at}: a role is one of ${ROLES.join(', ')}, or submitter:MACHINE`);
    return Object.freeze({ role: role as Role, machine });
  });
  return Object.freeze(grants);
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

function oidcIn(
  values: Values,
  env: Readonly<Record<string, string | undefined>>,
  about: About,
): OidcSettings | null {
  const { OIDC_ISSUER: issuer, OIDC_ROLES: roles, OIDC_AUDIENCE: audience = null } = values;
  if (issuer === undefined) {
    const names = Object.keys(schema.shape) as (keyof Values)[];
    for (const name of names)
      if (name.startsWith('OIDC_') && env[name] !== undefined) about(name)('OIDC_ISSUER is not set');
    return null;
  }
  if (roles === undefined)
    about('OIDC_ROLES')('is not set, so that nobody would have a role: "CLAIM VALUE ROLES" for each');
  const login = loginIn(values, about);
  if (audience === null && login === null)
    about('OIDC_AUDIENCE')('is not set, and OIDC_CLIENT_ID neither: no token would be taken');
  const complain = about('OIDC_ROLES');
  const rules = entriesIn(roles ?? '', 'CLAIM VALUE ROLES', complain).map(
    ({ at, words: [claim, value, granted] }) =>
      Object.freeze({ claim, value, grants: grantsIn(granted, at, complain) }),
  );
  return Object.freeze({
    issuer,
    jwksUrl: values.OIDC_JWKS_URL ?? null,
    audience,
    algorithms: Object.freeze(values.OIDC_ALGORITHMS),
    clockSkewMs: values.OIDC_CLOCK_SKEW_MS,
    nameClaim: values.OIDC_NAME_CLAIM,
    rules: Object.freeze(rules),
    login,
  });
}

function loginIn(values: Values, about: About): OidcSettings['login'] {
  const { OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: given, OIDC_CLIENT_SECRET_FILE: file } = values;
  if (given !== undefined && file !== undefined)
    about('OIDC_CLIENT_SECRET')('stands here and in a file; leave one of them out');
  if (clientId === undefined) {
    const secret = given === undefined ? 'OIDC_CLIENT_SECRET_FILE' : 'OIDC_CLIENT_SECRET';
    if (given !== undefined || file !== undefined) about(secret)('OIDC_CLIENT_ID is not set');
    return null;
  }
  const inFile = file === undefined ? null : textOf(file, about('OIDC_CLIENT_SECRET_FILE'));
  return Object.freeze({
    clientId,
    clientSecret: given ?? inFile?.trim() ?? null,
    scope: values.OIDC_SCOPE,
    redirectUrl: values.OIDC_REDIRECT_URL ?? null,
    sessionMs: values.OIDC_SESSION_HOURS * 3600 * 1000,
  });
}

/** As it may be logged. */
export function shownIdentity({ tokens, oidc, open }: IdentitySettings): Record<string, unknown> {
  const login = oidc?.login && { ...oidc.login, clientSecret: oidc.login.clientSecret && '[redacted]' };
  return {
    tokens: tokens.map(({ token: _, ...shown }) => shown),
    oidc: oidc && { ...oidc, login },
    open: [...open],
  };
}

/** Whether there is anything by which somebody can be known. */
export function isAsked({
  apiToken,
  identity,
}: {
  readonly apiToken: string | null;
  readonly identity: IdentitySettings;
}): boolean {
  return apiToken !== null || identity.tokens.length > 0 || identity.oidc !== null;
}
