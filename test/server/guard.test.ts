/** Refusals of the guard to the letter, and callers at their bounds, without a server. */
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { guard, isAccessOff, type Known } from '../../server/access.ts';
import { Callbacks } from '../../server/callbacks.ts';
import { checked } from '../../server/checks.ts';
import { readSettings } from '../../server/config.ts';
import {
  ANONYMOUS,
  byOf,
  type Caller,
  caller,
  callerOf,
  checkMachine,
  isIdentified,
  keyOf,
  mayOperate,
  mayStartByHand,
  TOKEN_HOLDER,
} from '../../server/identity/caller.ts';
import { heldTokens, Tokens } from '../../server/identity/tokens.ts';
import { answerProblem, Problem } from '../../server/problem.ts';

const TOKEN = 'correct-horse-battery-staple';
const VIEWER = 'a-token-of-a-viewer-0123456789';
const NAMED = { API_TOKENS: `eve viewer ${VIEWER}` };
const JWT = 'aa.bb.cc';

type Environment = Readonly<Record<string, string>>;

/** Who asked, or the refusal: its type, its detail, and by what header it says what would do. */
async function asked(
  environment: Environment,
  line: string,
  headers: Record<string, string> = {},
  known: Known = {},
) {
  const app = new Hono();
  app.onError((error, c) => {
    if (error instanceof Problem) return answerProblem(c, error);
    throw error;
  });
  app.use(checked(guard(readSettings({ API_TOKEN: TOKEN, ...environment }), known)));
  app.get('/livez', (c) => c.text(keyOf(callerOf(c))));
  const TOLD = '/api/coordinator/sagas/:id/events';
  for (const path of ['/metrics', '/docs', '/sagas', '/sagas/:id/retry', '/unheard-of', TOLD])
    app.on(['GET', 'POST'], path, (c) => c.text(keyOf(callerOf(c))));
  app.post('/api/coordinator/sagas/:id/steps/:step/outcome', (c) =>
    c.json([keyOf(callerOf(c)), c.get('callbackAttempt'), c.get('outside')?.host]),
  );
  const [method = '', path = ''] = line.split(' ');
  const answer = await app.request(path, { method, headers: { host: 'localhost', ...headers } });
  if (answer.status === 200) return answer.text();
  const { type, detail, roles } = (await answer.json()) as Record<string, unknown>;
  return [answer.status, type, detail, answer.headers.get('www-authenticate'), ...(roles ? [roles] : [])];
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const MISDIRECTED = [
  421,
  'misdirected-request',
  'the Host is none of this server; ALLOWED_HOSTS can name it',
  null,
];
const FOREIGN = [403, 'foreign-origin', 'the Origin is not the server that the Host names', null];
const NO_TOKEN = [401, 'unauthorized', 'send Authorization: Bearer and the token', 'Bearer'];
const WRONG_TOKEN = [401, 'unauthorized', 'the token is not the right one', 'Bearer'];
const OFF = [403, 'access-off', 'HOST is not loopback: set API_TOKEN to switch reads and commands on', null];
const lacks = (...roles: string[]) => [
  403,
  'forbidden',
  `eve does not have the role ${roles.join(' or ')}`,
  'Bearer error="insufficient_scope"',
  roles,
];

it.each<[Environment, string, Record<string, string>, unknown]>([
  [{}, 'GET /sagas', {}, NO_TOKEN],
  [{}, 'GET /sagas', bearer('wrong-horse-battery-staple'), WRONG_TOKEN],
  [{}, 'GET /sagas', bearer(JWT), WRONG_TOKEN],
  [{}, 'GET /sagas', { authorization: `x Bearer ${TOKEN}` }, NO_TOKEN],
  [{}, 'GET /sagas', { authorization: `Bearer ${TOKEN} x` }, NO_TOKEN],
  [{}, 'GET /sagas', { authorization: `Bearer${TOKEN}` }, NO_TOKEN],
  [{}, 'GET /sagas', { authorization: `bearer   ${TOKEN}` }, 'api-token:api-token'],
  [{}, 'GET /sagas', bearer(TOKEN), 'api-token:api-token'],
  [{}, 'GET /nowhere', {}, NO_TOKEN],
  [{}, 'GET /unheard-of', bearer(TOKEN), 'api-token:api-token'],
  [{}, 'GET /livez', {}, 'anonymous:anonymous'],
  [{}, 'GET /livez', bearer(TOKEN), 'anonymous:anonymous'],
  [{ OPEN_ROUTES: 'metrics' }, 'GET /metrics', {}, 'anonymous:anonymous'],
  [{ OPEN_ROUTES: 'metrics' }, 'GET /metrics', bearer(TOKEN), 'api-token:api-token'],
  [{ OPEN_ROUTES: 'metrics' }, 'GET /metrics', bearer(JWT), 'anonymous:anonymous'],
  [{ OPEN_ROUTES: 'metrics' }, 'GET /docs', {}, NO_TOKEN],
  [{ OPEN_ROUTES: 'docs' }, 'GET /docs', {}, 'anonymous:anonymous'],
  [{ OPEN_ROUTES: 'docs' }, 'GET /sagas', {}, NO_TOKEN],
  [NAMED, 'GET /sagas', bearer(VIEWER), 'token:eve'],
  [NAMED, 'POST /sagas/1/retry', bearer(VIEWER), lacks('operator')],
  [NAMED, 'POST /api/coordinator/sagas/1/events', bearer(VIEWER), lacks('operator', 'submitter')],
  [NAMED, 'POST /sagas/1/retry', bearer(TOKEN), 'api-token:api-token'],
  [NAMED, 'GET /unheard-of', bearer(VIEWER), lacks('admin')],
  [{ API_TOKEN: '', HOST: '0.0.0.0' }, 'GET /sagas', {}, OFF],
  [{ API_TOKEN: '', HOST: '0.0.0.0' }, 'GET /livez', {}, 'anonymous:anonymous'],
  [{ API_TOKEN: '', HOST: '0.0.0.0', OPEN_ROUTES: 'docs' }, 'GET /docs', {}, 'anonymous:anonymous'],
  [{ API_TOKEN: '' }, 'POST /sagas/1/retry', {}, 'anonymous:anonymous'],
  [{}, 'GET /livez', { host: 'evil.example' }, MISDIRECTED],
  [{}, 'GET /livez', { host: 'x localhost' }, MISDIRECTED],
  [{ ALLOWED_HOSTS: 'ops.example' }, 'GET /livez', { host: 'ops.example:8080' }, 'anonymous:anonymous'],
  [{ HOST: '0.0.0.0' }, 'GET /livez', { host: 'any.example' }, 'anonymous:anonymous'],
  [{ HOST: '0.0.0.0' }, 'GET /livez', { host: 'any.example', origin: 'http://any.example' }, MISDIRECTED],
  [{ HOST: '0.0.0.0' }, 'GET /livez', { host: '10.1.2.3', origin: 'http://10.1.2.3' }, 'anonymous:anonymous'],
  [{ HOST: '0.0.0.0' }, 'GET /livez', { host: '[fd00::7]:80' }, 'anonymous:anonymous'],
  [{ HOST: '0.0.0.0', ALLOWED_HOSTS: 'a.example' }, 'GET /livez', { host: 'b.example' }, MISDIRECTED],
  [{}, 'GET /livez', { host: '10.1.2.3' }, MISDIRECTED],
  [{ CALLBACK_URL: 'https://back.example' }, 'GET /livez', { host: 'back.example' }, 'anonymous:anonymous'],
  [{}, 'GET /livez', { origin: 'http://localhost' }, 'anonymous:anonymous'],
  [{}, 'GET /livez', { origin: 'HTTPS://LOCALHOST' }, 'anonymous:anonymous'],
  [{}, 'GET /livez', { origin: 'http://localhost:1' }, FOREIGN],
  [{}, 'GET /livez', { origin: 'ftp://localhost' }, FOREIGN],
  [{}, 'GET /livez', { origin: 'null' }, FOREIGN],
])('%j: %s with %j', async (environment, line, headers, said) => {
  expect(await asked(environment, line, headers)).toEqual(said);
});

describe('a browser', () => {
  const eve = caller('user', 'eve', [{ role: 'admin', machine: null }]);
  const session = { callerIn: () => eve } as unknown as NonNullable<Known['session']>;
  const users = {
    inSession: async () => eve,
    withToken: async (token: string) => {
      if (token === JWT) return caller('user', 'jay', [{ role: 'admin', machine: null }]);
      if (token === 'bad.bad.bad') throw new Problem('unauthorized', 'no');
      throw new Error('a fault');
    },
  } as unknown as NonNullable<Known['users']>;
  const OWN = { origin: 'http://localhost' };

  it.each<[string, Record<string, string>, Known, unknown]>([
    ['GET /sagas', {}, { session }, 'user:eve'],
    ['HEAD /sagas', {}, { session }, ''],
    ['GET /sagas', {}, { users }, 'user:eve'],
    ['POST /sagas/1/retry', {}, { session }, NO_TOKEN],
    ['POST /sagas/1/retry', {}, { users }, NO_TOKEN],
    ['POST /sagas/1/retry', OWN, { session }, 'user:eve'],
    ['POST /sagas/1/retry', OWN, { users }, 'user:eve'],
    ['POST /sagas/1/retry', { origin: 'http://evil.example' }, { session }, FOREIGN],
    ['POST /sagas/1/retry', bearer(JWT), { users }, 'user:jay'],
    ['GET /sagas', bearer(JWT), { users, session }, 'user:jay'],
    ['GET /sagas', bearer('no-jwt'), { session }, 'user:eve'],
    ['GET /sagas', bearer('no-jwt'), { users }, 'user:eve'],
    ['GET /sagas', {}, {}, NO_TOKEN],
    ['GET /metrics', bearer(JWT), { users }, 'user:jay'],
    ['GET /metrics', {}, { users, session }, 'anonymous:anonymous'],
    ['GET /metrics', bearer('bad.bad.bad'), { users }, 'anonymous:anonymous'],
    ['GET /metrics', bearer('no-jwt'), { users }, 'anonymous:anonymous'],
  ])('%s with %j', async (line, headers, known, said) => {
    expect(await asked({ OPEN_ROUTES: 'metrics' }, line, headers, known)).toEqual(said);
  });

  it('is told of no fault of ours as if it were its own', async () => {
    const open = { OPEN_ROUTES: 'metrics' };
    await expect(asked(open, 'GET /metrics', bearer('x.y.z'), { users })).rejects.toThrow('a fault');
  });
});

it('takes a call-back by the token of its call, and says what is missing', async () => {
  const callbacks = new Callbacks('a secret of the store', () => null);
  const [header = '', own = ''] = callbacks.headersOf('s-1', { step: 'visa', attempt: 3 });
  const door = 'POST /api/coordinator/sagas/s-1/steps/visa/outcome';
  const refused = (why: string) => [401, 'callback-unauthorized', why, 'Saga-Callback-Token'];
  expect(await asked({}, door, { [header]: own }, { callbacks })).toBe('["participant:visa",3,"localhost"]');
  const missing = refused('send the Saga-Callback-Token of the call');
  expect(await asked({}, door, bearer(TOKEN), { callbacks })).toEqual(missing);
  const wrong = refused('it is not the token of a call of this step');
  expect(await asked({}, door, { [header]: `${own}x` }, { callbacks })).toEqual(wrong);
  expect(await asked({}, door, { [header]: own })).toEqual(wrong);
});

it('is off where others can reach it and nothing was set', () => {
  const isOff = (environment: Environment) => isAccessOff(readSettings(environment));
  expect(
    [{}, { HOST: '0.0.0.0' }, { HOST: '0.0.0.0', API_TOKEN: TOKEN }, { HOST: '::1' }].map(isOff),
  ).toEqual([false, true, false, false]);
  expect(isOff({ HOST: '10.0.0.7', ...NAMED })).toBe(false);
});

describe('a caller', () => {
  const kinds = ['anonymous', 'api-token', 'token', 'user', 'participant'] as const;
  const named = (kind: Caller['kind']) => caller(kind, 'eve', []);

  it('is identified by a token of its own or as a user', () => {
    expect(kinds.filter((kind) => isIdentified(named(kind)))).toEqual(['token', 'user']);
    expect(kinds.map((kind) => keyOf(named(kind)))).toEqual(kinds.map((kind) => `${kind}:eve`));
  });

  it('stands in the log as who it is, with whom it names behind it', () => {
    expect([byOf(named('user'), undefined), byOf(named('user'), 'eve')]).toEqual(['eve', 'eve']);
    expect(byOf(named('token'), 'root')).toBe('eve (for root)');
    expect([byOf(ANONYMOUS, undefined), byOf(ANONYMOUS, 'root')]).toEqual(['operator', 'root']);
    expect(byOf(TOKEN_HOLDER, 'root')).toBe('root');
  });

  it.each([
    [['viewer'], ['viewer']],
    [['operator'], ['operator', 'viewer']],
    [['submitter'], ['submitter']],
    [['admin'], ['admin', 'operator', 'submitter', 'viewer']],
    [[], []],
  ] as const)('with the grants %j has the roles %j', (given, roles) => {
    const found = caller(
      'user',
      'eve',
      given.map((role) => ({ role, machine: null })),
    );
    expect([...found.roles].sort()).toEqual(roles);
    expect(found.machines).toBeNull();
    expect(mayOperate(found)).toBe((roles as readonly string[]).includes('operator'));
    expect(mayStartByHand(found, 'trip')).toBe((given as readonly string[]).includes('admin'));
  });

  it('may start by hand as operator and submitter of that machine', () => {
    const operator = { role: 'operator', machine: null } as const;
    const eve = caller('user', 'eve', [operator, { role: 'submitter', machine: 'trip' }]);
    expect(['trip', 'order'].map((machine) => mayStartByHand(eve, machine))).toEqual([true, false]);
    expect(mayStartByHand(caller('user', 'eve', [operator]), 'trip')).toBe(false);
    expect(() => checkMachine(eve, 'trip')).not.toThrow();
    expect(() => checkMachine(ANONYMOUS, 'trip')).not.toThrow();
    const refused = { type: 'forbidden', members: { roles: ['submitter:order'] } };
    expect(() => checkMachine(eve, 'order')).toThrow(expect.objectContaining(refused));
    expect(() => checkMachine(eve, 'order')).toThrow('eve does not have the role submitter for order');
  });

  it('is known by any of several tokens, the same name by two of them', () => {
    const held = (environment: Environment) => new Tokens(heldTokens(readSettings(environment)));
    const both = held({ API_TOKEN: TOKEN, API_TOKENS: `eve viewer ${VIEWER}\neve operator ${VIEWER}-2` });
    expect(both.holderOf(TOKEN)).toBe(TOKEN_HOLDER);
    expect(both.holderOf(VIEWER)).toEqual(caller('token', 'eve', [{ role: 'viewer', machine: null }]));
    expect(both.holderOf(`${VIEWER}-2`)?.roles.has('operator')).toBe(true);
    expect([both.holderOf(''), both.holderOf(`${VIEWER}-3`)]).toEqual([null, null]);
    expect(held(NAMED).holderOf('')).toBeNull();
  });
});
