/** What is taken out where others come in, look on, or wait: sessions, secrets, events, deadlines, boots. */
import type { Mutation } from './mutation-table.ts';

const session = 'server/dashboard/session.ts';
const registered = 'machines/registered.ts';
const DOORS = ['test/dashboard/pages.test.ts'];
const access = 'server/access.ts';
const caller = 'server/identity/caller.ts';
const verifier = 'server/identity/verifier.ts';
const keys = 'server/identity/provider-keys.ts';
const login = 'server/identity/login.ts';
const sealed = 'server/identity/sealed.ts';
const ROLES = ['test/server/roles.test.ts'];
const BEARER = ['test/server/bearer.test.ts'];
const LOGIN = ['test/server/login.test.ts'];

export const ofDoors: readonly Mutation[] = [
  {
    name: 'a beginning of the token opens a session',
    file: session,
    find: 'if (isSame(token, held.token)) found',
    replace: 'if (held.token.startsWith(token)) found',
    tests: DOORS,
  },
  {
    name: 'the cookie is made without the token',
    file: session,
    find: "createHmac('sha256', token)",
    replace: "createHmac('sha256', 'a constant')",
    tests: DOORS,
  },
  {
    name: 'the cookie is not looked at',
    file: session,
    find: 'if (isSame(given, value)) found = caller;',
    replace: 'found = caller;',
    tests: DOORS,
  },
  {
    name: 'boots are compared as texts, in memory',
    file: 'stores/memory-store.ts',
    find: 'owner.boot < by.boot',
    replace: 'String(owner.boot) < String(by.boot)',
    tests: ['test/stores/memory.test.ts'],
  },
  {
    name: 'boots are compared as texts, in Redis',
    file: 'stores/redis/lua/claim.lua',
    find: 'tonumber(ownerBoot) < boot',
    replace: 'ownerBoot < ARGV[4]',
    tests: ['test/stores/redis.test.ts'],
  },
  {
    name: 'a deadline wakes nobody who waits',
    file: 'server/engine/write.ts',
    find: 'if (bounded) until',
    replace: 'if (!bounded) until',
    tests: ['test/engine/clocks.test.ts', 'test/engine/retry.test.ts', 'test/engine/write.test.ts'],
  },
  {
    name: 'a deadline runs from the last write on',
    file: 'server/engine/runner.ts',
    find: 'at >= createdAtMs + machine.deadlineMs',
    replace: 'at >= listing.updatedAtMs + machine.deadlineMs',
    tests: ['test/engine/clocks.test.ts', 'test/engine/retry.test.ts', 'test/engine/write.test.ts'],
  },
  {
    name: 'what was given up while it connected is sent',
    file: 'server/engine/exchange.ts',
    find: 'if (cutoff.reason !== null) controller.abort(cutoff.reason);',
    replace: 'if (false) controller.abort(cutoff.reason);',
    tests: ['test/engine/exchange.test.ts'],
  },
  {
    name: 'what is held shows secrets',
    file: registered,
    find: 'return this.hide(list, context);',
    replace: 'return list;',
    tests: ['test/machines/order.test.ts'],
  },
  {
    name: 'the inspector is told secrets in events',
    file: 'server/telemetry/inspector.ts',
    find: 'machine.hide(event, context)',
    replace: 'event',
    tests: ['test/server/inspector.test.ts'],
  },
  {
    name: 'whoever watches one saga is told of all',
    file: 'server/engine/changes.ts',
    find: 'return (sagaId) => (sagaId === null ? all : (bySaga.get(sagaId) ?? last));',
    replace: 'return () => all;',
    tests: ['test/engine/changes.test.ts', 'test/server/events.test.ts'],
  },
  {
    name: 'a route that stands in no table is open to whoever reads',
    file: 'server/identity/access-table.ts',
    find: "export const CLOSED: Door = { roles: ['admin'] };",
    replace: 'export const CLOSED: Door = toRead;',
    tests: ROLES,
  },
  {
    name: 'no role is looked at',
    file: access,
    find: 'for (const { roles } of doors) checkRole(found, roles ?? []);',
    replace: '',
    tests: ROLES,
  },
  {
    name: 'one open route among those of a request opens all',
    file: access,
    find: 'if (closed.length === 0) return null;',
    replace: 'if (closed.length < doors.size) return null;',
    tests: ROLES,
  },
  {
    name: 'what can be opened is open',
    file: access,
    find: 'opening === undefined || !identity.open.has(opening)',
    replace: 'opening === undefined',
    tests: ROLES,
  },
  {
    name: 'a cookie alone changes things',
    file: access,
    find: "if (changes && c.req.header('origin') === undefined) return null;",
    replace: '',
    tests: LOGIN,
  },
  {
    name: 'everybody may start the sagas of every machine',
    file: caller,
    find: 'if (machines === null || machines.has(machine)) return;',
    replace: 'if (machines !== null) return;',
    tests: ROLES,
  },
  {
    name: 'a typed name takes the place of who asked',
    file: caller,
    find: "if (!isIdentified(caller)) return typed ?? 'operator';",
    replace: 'if (!isIdentified(caller) || typed !== undefined) return typed ?? caller.name;',
    tests: ROLES,
  },
  {
    name: 'a name is written as it is claimed',
    file: 'server/identity/claims.ts',
    find: 'name.replaceAll(/[\\s\\p{C}%]/gu, escaped)',
    replace: 'name',
    tests: BEARER,
  },
  {
    name: 'any audience will do',
    file: verifier,
    find: '        audience: [...audience],\n',
    replace: '',
    tests: BEARER,
  },
  {
    name: 'any issuer will do',
    file: verifier,
    find: '        issuer,\n',
    replace: '',
    tests: BEARER,
  },
  {
    name: 'any algorithm will do',
    file: verifier,
    find: '        algorithms: [...algorithms],\n',
    replace: '',
    tests: BEARER,
  },
  {
    name: 'the skew is not granted',
    file: verifier,
    find: '        clockTolerance: clockSkewMs / 1000,\n',
    replace: '',
    tests: BEARER,
  },
  {
    name: 'a token without an end is good for ever',
    file: verifier,
    find: "requiredClaims: ['exp', 'sub']",
    replace: "requiredClaims: ['sub']",
    tests: BEARER,
  },
  {
    name: 'a provider that is away makes tokens wrong',
    file: verifier,
    find: "throw new Problem('identity-unavailable', 'the provider of identities does not answer');",
    replace: "throw unusable('the provider of identities does not answer');",
    tests: BEARER,
  },
  {
    name: 'keys serve for ever while the provider is away',
    file: keys,
    find: 'if (age > STALE_MAX_MS) await',
    replace: 'if (false) await',
    tests: BEARER,
  },
  {
    name: 'keys end with the provider',
    file: keys,
    find: 'const STALE_MAX_MS = 60 * 60_000;',
    replace: 'const STALE_MAX_MS = FRESH_MS;',
    tests: BEARER,
  },
  {
    name: 'a provider that failed is asked at once again',
    file: keys,
    find: 'return this.#now() - this.#failedAt < FAILED_MS;',
    replace: 'return false;',
    tests: BEARER,
  },
  {
    name: 'an answer that is no set of keys makes tokens wrong',
    file: keys,
    find: 'error instanceof errors.JOSEError && NO_KEYS.has(error.code)',
    replace: 'false',
    tests: BEARER,
  },
  {
    name: 'another issuer’s configuration will do',
    file: keys,
    find: 'said?.issuer !== issuer || ',
    replace: '',
    tests: BEARER,
  },
  {
    name: 'the state is not looked at',
    file: login,
    find: 'expectedState: begun.state',
    replace: 'expectedState: client.skipStateCheck',
    tests: LOGIN,
  },
  {
    name: 'the nonce is not asked for',
    file: login,
    find: '      nonce: begun.nonce,\n',
    replace: '',
    tests: LOGIN,
  },
  {
    name: 'the code is proven by nothing',
    file: login,
    find: "code_challenge_method: 'S256'",
    replace: "code_challenge_method: 'plain'",
    tests: LOGIN,
  },
  {
    name: 'the ID token is believed without its signature',
    file: login,
    find: "await verifier.claimsOf(answer.id_token ?? '', [clientId])",
    replace: 'await Promise.resolve(answer.claims() as never)',
    tests: LOGIN,
  },
  {
    name: 'one key seals for all stores',
    file: sealed,
    find: "hkdfSync('sha256', secret,",
    replace: "hkdfSync('sha256', 'a constant',",
    tests: LOGIN,
  },
  {
    name: 'a cookie outlives the rules by which it was given',
    file: 'server/identity/users.ts',
    find: 'JSON.stringify([issuer, login?.clientId, rules])',
    replace: 'JSON.stringify([issuer, login?.clientId])',
    tests: LOGIN,
  },
  {
    name: 'a cookie is good for ever',
    file: sealed,
    find: 'currentDate: new Date(this.#now())',
    replace: 'currentDate: new Date(0)',
    tests: LOGIN,
  },
];
