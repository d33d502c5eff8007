/** Who may ask what: by address, token, Host and Origin, over real sockets where bytes matter. */
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guard } from '../../server/access.ts';
import { Callbacks } from '../../server/callbacks.ts';
import { checked } from '../../server/checks.ts';
import { readSettings } from '../../server/config.ts';
import { callerOf, keyOf } from '../../server/identity/caller.ts';
import { answerProblem, Problem, type ProblemType } from '../../server/problem.ts';
import { type Answer, type Environment, openWorld, send, type World } from '../coordinator/world.ts';
import { comparisons } from './comparisons.ts';
import { type Observed, startObserved } from './observed.ts';
import { expectProblem } from './problem.ts';
import { exchange } from './raw.ts';

const TOKEN = 'correct-horse-battery-staple';
const EVERYWHERE = { HOST: '0.0.0.0' };
const WITH_TOKEN = { API_TOKEN: TOKEN };
const WITH_ALL = { ...WITH_TOKEN, ORDERS_NEED_TOKEN: '1' };

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** What a route answers once it is asked; the kind decides whether it is. */
type Kind = 'open' | 'opened' | 'orders' | 'guarded' | 'callback';
const ROUTES: readonly (readonly [line: string, kind: Kind, letIn: number])[] = [
  ['GET /livez', 'open', 200],
  ['HEAD /livez', 'open', 200],
  ['GET /readyz', 'open', 200],
  ['GET /startupz', 'open', 200],
  ['GET /metrics', 'opened', 200],
  ['GET /openapi.json', 'opened', 200],
  ['GET /docs', 'opened', 200],
  ['GET /api/coordinator/health', 'opened', 200],
  ['GET /api/coordinator/health?full=1', 'opened', 200],
  ['POST /api/coordinator/orders', 'orders', 422],
  ['POST /api/coordinator/sagas', 'orders', 422],
  ['POST /api/coordinator/sagas/none/events', 'guarded', 422],
  ['POST /api/coordinator/sagas/none/steps/visa/outcome', 'callback', 401],
  // As the door is written, or not that door.
  ['GET /api/coordinator/sagas/none/steps/visa/outcome', 'guarded', 405],
  ['POST /api/coordinator/sagas/none/steps/visa/outcome/', 'guarded', 404],
  ['GET /api/coordinator/sagas', 'guarded', 200],
  ['HEAD /api/coordinator/sagas', 'guarded', 200],
  ['GET /api/coordinator/sagas?status=FAILED', 'guarded', 200],
  ['GET /api/coordinator/sagas/none', 'guarded', 404],
  ['GET /api/coordinator/statistics', 'guarded', 200],
  ['GET /api/coordinator/history', 'guarded', 200],
  ['GET /api/coordinator/health/order', 'guarded', 200],
  ['HEAD /api/coordinator/events', 'guarded', 200],
  ['GET /api/coordinator/sagas/none/calls?step=order', 'guarded', 404],
  ['GET /api/coordinator/sagas/none/what-if?act=retry', 'guarded', 404],
  ['GET /api/coordinator/sagas/none/diagram', 'guarded', 404],
  ['GET /api/coordinator/machines', 'guarded', 200],
  ['GET /api/coordinator/sagas.ndjson', 'guarded', 200],
  ['GET /api/coordinator/sagas.csv', 'guarded', 200],
  ['GET /api/coordinator/audit', 'guarded', 200],
  ['GET /api/coordinator/audit.ndjson', 'guarded', 200],
  ['GET /api/coordinator/audit.csv', 'guarded', 200],
  ['GET /audit', 'guarded', 200],
  ['GET /history', 'guarded', 200],
  ['GET /participants', 'guarded', 200],
  ['GET /api/coordinator/machines/order', 'guarded', 200],
  ['GET /api/coordinator/machines/order/mermaid', 'guarded', 200],
  ['GET /api/coordinator/sagas/none/events', 'guarded', 404],
  // What is refused in any case tells a stranger nothing of what there is.
  ['GET /api/coordinator/orders', 'guarded', 405],
  ['POST /api/coordinator/sagas/none/cancel', 'guarded', 422],
  ['POST /api/coordinator/sagas/none/retry', 'guarded', 422],
  ['POST /api/coordinator/sagas/none/skip', 'guarded', 422],
  ['POST /api/coordinator/sagas/none/resolve', 'guarded', 422],
  ['POST /api/coordinator/sagas/none/ask', 'guarded', 422],
  ['POST /api/coordinator/sagas:retry', 'guarded', 422],
  ['POST /api/coordinator/sagas%3Aretry', 'guarded', 422],
  ['POST /api/coordinator/bulks:preview', 'guarded', 422],
  ['POST /api/coordinator/bulks', 'guarded', 422],
  ['GET /api/coordinator/held', 'guarded', 200],
  ['GET /api/coordinator/bulks', 'guarded', 200],
  ['GET /api/coordinator/bulks/none', 'guarded', 404],
  ['POST /api/coordinator/bulks/none/continue', 'guarded', 404],
  ['POST /api/coordinator/bulks/none/stop', 'guarded', 404],
  ['DELETE /api/coordinator/health', 'guarded', 405],
  ['POST /metrics', 'guarded', 405],
  ['GET /nothing', 'guarded', 404],
  ['GET //livez', 'guarded', 404],
  ['GET /LIVEZ', 'guarded', 404],
  ['GET /livez/', 'guarded', 404],
  ['POST /api/coordinator/orders/', 'guarded', 404],
];

/** One route of each kind is asked with everything that a header may hold. */
const VARIED = ['GET /livez', 'POST /api/coordinator/orders', 'GET /api/coordinator/sagas/none'];

/** Those that are opened by name, or stand open, and of all that are guarded alike only two. */
const SOME = ROUTES.filter(
  ([line, kind]) => kind !== 'guarded' || line === 'GET /nothing' || VARIED.includes(line),
);
/**
 * A route has its kind in every case alike. So all routes are asked in the cases where all are let in, where a token is asked of
 * all, and where all are off; some in the others, unless `ENUMERATE=all`.
 */
const routesOf = ({ name }: Case) => (IN_ALL.has(name) || process.env.ENUMERATE === 'all' ? ROUTES : SOME);

const RIGHT = [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`];
const WRONG = [
  `Bearer ${TOKEN}x`,
  `Bearer ${TOKEN.slice(0, -1)}`,
  `Bearer ${TOKEN.toUpperCase()}`,
  `Bearer ${'x'.repeat(TOKEN.length)}`,
  `Bearer ${'x'.repeat(8000)}`,
];
const MALFORMED = [
  '',
  'Bearer',
  'Bearer ',
  TOKEN,
  `Bearer${TOKEN}`,
  `Basic ${TOKEN}`,
  `Basic ${btoa(`user:${TOKEN}`)}`,
  `Bearer ${TOKEN} more`,
  `Bearer "${TOKEN}"`,
  `Bearer ${TOKEN}, Bearer ${TOKEN}`,
  `Bearer =${TOKEN}`,
  `Token ${TOKEN}`,
];

type Refused = 'unauthorized' | 'access-off';
interface Case {
  readonly name: string;
  readonly environment: Environment;
  /** What a request without the right token gets, by the kind of its route; `null` where it is let in. */
  readonly guarded: Refused | null;
  readonly orders: Refused | null;
  readonly opened: Refused | null;
}
const HERE = { orders: null, opened: null };
const OPENED = { OPEN_ROUTES: 'starts, metrics,health,docs' };
const CASES: readonly Case[] = [
  { name: 'loopback, no token', environment: {}, guarded: null, ...HERE },
  { name: 'loopback, IPv6', environment: { HOST: '::1' }, guarded: null, ...HERE },
  { name: 'loopback by name', environment: { HOST: 'LocalHost' }, guarded: null, ...HERE },
  { name: 'loopback elsewhere', environment: { HOST: '127.0.0.2' }, guarded: null, ...HERE },
  { name: 'loopback, token', environment: WITH_TOKEN, guarded: 'unauthorized', ...HERE },
  {
    name: 'loopback, token for orders',
    environment: WITH_ALL,
    guarded: 'unauthorized',
    orders: 'unauthorized',
    opened: null,
  },
  {
    name: 'loopback, nothing open',
    environment: { ...WITH_TOKEN, OPEN_ROUTES: 'none' },
    guarded: 'unauthorized',
    orders: 'unauthorized',
    opened: 'unauthorized',
  },
  {
    name: 'everywhere, no token',
    environment: EVERYWHERE,
    guarded: 'access-off',
    orders: 'access-off',
    opened: 'access-off',
  },
  {
    name: 'everywhere, no token, opened by name',
    environment: { ...EVERYWHERE, ...OPENED },
    guarded: 'access-off',
    ...HERE,
  },
  {
    name: 'everywhere, token',
    environment: { ...EVERYWHERE, ...WITH_TOKEN },
    guarded: 'unauthorized',
    orders: 'unauthorized',
    opened: 'unauthorized',
  },
  {
    name: 'everywhere, token, orders without',
    environment: { ...EVERYWHERE, ...WITH_TOKEN, ORDERS_NEED_TOKEN: '0' },
    guarded: 'unauthorized',
    orders: null,
    opened: 'unauthorized',
  },
];

const IN_ALL = new Set(['loopback, no token', 'loopback, nothing open', 'everywhere, no token']);

describe.each(CASES)('$name', (one) => {
  const { environment, guarded, orders, opened } = one;
  const isRight = (authorization: string | undefined) =>
    environment.API_TOKEN !== undefined && RIGHT.includes(authorization ?? '');
  const refusals = { open: null, opened, orders, guarded, callback: 'callback-unauthorized' } as const;
  let coordinator: Observed;
  let url: string;
  beforeAll(async () => {
    coordinator = await startObserved(world, 'trace', environment);
    url = coordinator.url.replace('LocalHost', 'localhost');
  });
  afterAll(() => coordinator.stop());

  it.each(routesOf(one))('%s is %s', async (line, kind, letIn) => {
    const [method = '', path = ''] = line.split(' ');
    const refusal = refusals[kind];
    const values = VARIED.includes(line) ? [...RIGHT, ...WRONG, ...MALFORMED] : [RIGHT[0], WRONG[0]];
    for (const authorization of [undefined, ...values]) {
      const answer = await send(url + path, {
        method,
        ...(method === 'POST' ? { body: {} } : {}),
        headers: authorization === undefined ? {} : { authorization },
      });
      if (refusal === 'callback-unauthorized') {
        // Whoever asks, operator or not, and whatever is switched off.
        expectProblem(answer, refusal, /Saga-Callback-Token/);
      } else if (refusal === null || isRight(authorization)) {
        expect(answer.status, authorization).toBe(letIn);
      } else if (method === 'HEAD') {
        expect(answer.status, authorization).toBe(refusal === 'unauthorized' ? 401 : 403);
      } else {
        expectProblem(answer, refusal, refusal === 'access-off' ? /set API_TOKEN/ : /token/);
      }
      const scheme = kind === 'callback' ? 'Saga-Callback-Token' : 'Bearer';
      const challenge = answer.status === 401 ? scheme : undefined;
      expect(answer.headers['www-authenticate'], authorization).toBe(challenge);
      expect(JSON.stringify([answer.headers, answer.body])).not.toContain(TOKEN);
    }
  });

  it('takes the token from one header alone', async () => {
    const path = '/api/coordinator/statistics';
    const answers = [
      await send(`${url}${path}?access_token=${TOKEN}&token=${TOKEN}`),
      await send(url + path, { headers: { 'x-api-token': TOKEN, cookie: `token=${TOKEN}` } }),
      await raw(url, `GET ${path}`, ...RIGHT.slice(0, 2).map((value) => `Authorization: ${value}`)),
    ];
    for (const answer of answers) {
      if (guarded === null) expect(answer.status).toBe(200);
      else expect(answer.body.type).toBe(guarded);
    }
  });

  it('says in its log whether access is off, and never the token', () => {
    expect(coordinator.lines.join('')).not.toContain(TOKEN);
    // A busy machine has it warn of other things.
    const warnings = coordinator
      .entries()
      .filter(({ level, msg }) => level === 40 && /API_TOKEN/.test(String(msg)));
    expect(warnings).toHaveLength(guarded === 'access-off' ? 1 : 0);
  });
});

/** A request as bytes, with a Host unless there is one among the headers. */
function raw(url: string, line: string, ...headers: readonly string[]): Promise<Answer> {
  const host = headers.some((header) => /^host:/i.test(header)) ? [] : ['Host: localhost'];
  return exchange(url, [`${line} HTTP/1.1`, ...host, 'Connection: close', ...headers, '', ''].join('\r\n'));
}

/** The guard before a page that answers all that it lets in. */
function guardedApp(environment: Environment, callbacks: Callbacks | null = null): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    if (error instanceof Problem) return answerProblem(c, error);
    throw error;
  });
  app.use(checked(guard(readSettings({ ...WITH_TOKEN, ...environment }), { callbacks })));
  app.get('/livez', (c) => c.text(keyOf(callerOf(c))));
  app.all('*', (c) => c.text(keyOf(callerOf(c))));
  return app;
}

function pageBehind(environment: Environment) {
  const app = guardedApp(environment);
  return async (headers: Record<string, string>): Promise<ProblemType | null> => {
    const answer = await app.request('/page', { headers: { authorization: `Bearer ${TOKEN}`, ...headers } });
    return answer.status === 200 ? null : ((await answer.json()) as { type: ProblemType }).type;
  };
}

it('compares in constant time, whatever is given', async () => {
  const ask = pageBehind({});
  const compared = comparisons();
  const headers = [...RIGHT, ...WRONG];
  for (const [index, authorization] of headers.entries()) {
    await ask({ authorization });
    expect(compared.length).toBe(index + 1);
    expect(compared.at(-1)?.map(({ byteLength }) => byteLength)).toEqual([32, 32]);
  }
});

describe('who asked', () => {
  const callbacks = new Callbacks('a secret of the store', () => null);
  const askedBy = async (environment: Environment, line: string, headers: Record<string, string>) => {
    const [method = '', path = ''] = line.split(' ');
    const answer = await guardedApp(environment, callbacks).request(path, {
      method,
      headers: { host: 'localhost', ...headers },
    });
    return answer.text();
  };
  const bearer = { authorization: `Bearer ${TOKEN}` };

  it('is told with what is let in', async () => {
    expect(await askedBy({}, 'GET /livez', {})).toBe('anonymous:anonymous');
    expect(await askedBy({ API_TOKEN: '' }, 'GET /page', bearer)).toBe('anonymous:anonymous');
    expect(await askedBy({}, 'GET /page', bearer)).toBe('api-token:api-token');
    const [header = '', own = ''] = callbacks.headersOf('s-1', { step: 'visa', attempt: 3 });
    const door = 'POST /api/coordinator/sagas/s-1/steps/visa/outcome';
    expect(await askedBy({}, door, { ...bearer, [header]: own })).toBe('participant:visa');
  });
});

describe('the token of a call-back', () => {
  const callbacks = new Callbacks('a secret of the store', () => null);
  const DOOR = '/api/coordinator/sagas/s-1/steps/visa/outcome';
  const [header = '', own = ''] = callbacks.headersOf('s-1', { step: 'visa', attempt: 3 });
  const ask = async (environment: Environment, line: string, headers: Record<string, string>) => {
    const [method = '', path = ''] = line.split(' ');
    const app = guardedApp(environment, callbacks);
    const answer = await app.request(path, { method, headers: { host: 'localhost', ...headers } });
    return answer.status === 200 ? null : ((await answer.json()) as { type: ProblemType }).type;
  };

  it.each([WITH_TOKEN, WITH_ALL])('opens its own door, which asks for no other: %j', async (environment) => {
    expect(await ask(environment, `POST ${DOOR}`, { [header]: own })).toBeNull();
    // An operator's token beside it changes nothing, and in its place does not do.
    expect(await ask(environment, `POST ${DOOR}`, { [header]: own, authorization: 'Bearer x' })).toBeNull();
    const operator = { authorization: `Bearer ${TOKEN}` };
    expect(await ask(environment, `POST ${DOOR}`, operator)).toBe('callback-unauthorized');
    expect(await ask(environment, `POST ${DOOR}`, { ...operator, [header]: TOKEN })).toBe(
      'callback-unauthorized',
    );
  });

  it('opens nothing else, in whichever header it comes', async () => {
    const closed = ROUTES.filter(
      ([line, kind]) => ['orders', 'guarded'].includes(kind) && !line.startsWith('HEAD'),
    ).map(([line]) => line);
    const near = [
      `GET ${DOOR}`,
      `PUT ${DOOR}`,
      `POST ${DOOR}/`,
      `POST ${DOOR.replace('s-1', 's%2F1')}`,
      `POST ${DOOR.replace('/steps/visa/outcome', '')}`,
      `POST ${DOOR.replace('/steps/visa/outcome', '/events')}`,
    ];
    for (const line of [...closed, ...near]) {
      for (const headers of [
        { [header]: own },
        { authorization: `Bearer ${own}` },
        { [header]: own, authorization: `Bearer ${own}` },
      ])
        expect(await ask(WITH_ALL, line, headers), line).toBe('unauthorized');
    }
    const others = [DOOR.replace('s-1', 's-2'), DOOR.replace('visa', 'hotel'), DOOR.replace('visa', 'Visa')];
    for (const path of others)
      expect(await ask(WITH_ALL, `POST ${path}`, { [header]: own }), path).toBe('callback-unauthorized');
  });
});

const LOOPBACK_HOSTS = [
  ...['localhost', 'localhost:9000', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:65535'],
  ...['[::1]', '[::1]:9000'],
];
const HOSTILE_HOSTS = [
  ...[
    'evil.example',
    'evil.example:9000',
    'localhost.evil.example',
    'evil-localhost',
    'localhost.',
    'a.localhost',
  ],
  ...['127.0.0.1.evil.example', '127.evil.example', '2130706433', '0x7f.1', '127.1', '[::1].evil.example'],
];
const UNREADABLE_HOSTS = [
  ...['', ':9000', 'user@localhost', 'evil.example@localhost', 'localhost@evil.example', 'localhost/evil'],
  ...[
    'localhost#evil',
    'localhost?evil',
    'localhost:9000:9000',
    'localhost:x',
    'localhost:',
    'localhost:123456',
  ],
  ...[
    'localhost evil',
    'localhost, evil.example',
    'evil.example, localhost',
    '[::1',
    '::1',
    '[::1]x',
    '[]',
    '*',
  ],
  ...['http://localhost', 'localhost\\evil', 'löcalhost', '[fe80::1%25eth0]'],
];

describe('Host', () => {
  const SPECIFIC: readonly (readonly [Environment, readonly string[]])[] = [
    [{}, []],
    [{ HOST: '::1' }, []],
    [{ HOST: '127.0.0.2' }, ['127.0.0.2:9000']],
    [{ HOST: '10.0.0.7' }, ['10.0.0.7', '10.0.0.7:9000']],
    [{ HOST: 'FD00:0:0::7' }, ['[fd00::7]', '[FD00::7]:9000']],
    [{ HOST: 'fe80::1%eth0' }, ['[fe80::1]:9000']],
    [{ HOST: 'Coordinator.internal' }, ['coordinator.internal', 'COORDINATOR.internal:9000']],
    [{ ALLOWED_HOSTS: 'Ops.Example, 10.1.1.1' }, ['ops.example', 'OPS.example:443', '10.1.1.1:80']],
    [{ HOST: '0.0.0.0', ALLOWED_HOSTS: 'ops.example' }, ['ops.example', '0.0.0.0:9000']],
  ];
  it.each(SPECIFIC)('is known by name and loopback: %j', async (environment, own) => {
    const ask = pageBehind(environment);
    for (const host of [...LOOPBACK_HOSTS, ...own]) expect(await ask({ host }), host).toBeNull();
    for (const host of [...HOSTILE_HOSTS, ...UNREADABLE_HOSTS]) {
      expect(await ask({ host: encoded(host) }), host).toBe('misdirected-request');
    }
  });

  it.each([{}, { HOST: '10.0.0.7' }, { HOST: 'coordinator.internal', ALLOWED_HOSTS: 'ops.example' }])(
    'is no address but those that were named: %j',
    async (environment) => {
      const ask = pageBehind(environment);
      for (const host of [
        '10.0.0.8',
        '169.254.169.254',
        '0.0.0.0:9000',
        '[::]',
        '[fd00::7]:9000',
        '127.0.0.3',
      ]) {
        expect(await ask({ host }), host).toBe('misdirected-request');
      }
    },
  );

  const WILDCARDS = ['0.0.0.0', '::', '0', '0:0::0'];
  it.each(WILDCARDS)('is any address where every one is listened on: %s', async (HOST) => {
    for (const environment of [{ HOST }, { HOST, ALLOWED_HOSTS: 'ops.example' }]) {
      const ask = pageBehind(environment);
      for (const host of ['10.0.0.8', '10.0.0.8:9000', '[fd00::7]', '[FD00::7]:9000']) {
        expect(await ask({ host }), host).toBeNull();
        expect(await ask({ host, origin: `http://${host}` }), host).toBeNull();
      }
    }
  });

  it.each(WILDCARDS)('is any name there until names are set, but not of a page: %s', async (HOST) => {
    const ask = pageBehind({ HOST });
    for (const host of HOSTILE_HOSTS.filter((name) => !name.includes('['))) {
      expect(await ask({ host }), host).toBeNull();
      for (const origin of [`http://${host}`, `https://${host}`, 'null', '', 'http://localhost']) {
        expect(await ask({ host, origin }), `${host} ${origin}`).toBe('misdirected-request');
      }
    }
    for (const host of UNREADABLE_HOSTS) {
      expect(await ask({ host: encoded(host) }), host).toBe('misdirected-request');
    }
    const named = pageBehind({ HOST, ALLOWED_HOSTS: 'ops.example' });
    expect(await named({ host: 'ops.example', origin: 'https://ops.example' })).toBeNull();
    expect(await named({ host: 'evil.example' })).toBe('misdirected-request');
  });
});

describe('Origin', () => {
  const ask = pageBehind({ ALLOWED_HOSTS: 'ops.example' });

  it.each([
    ['localhost:9000', 'http://localhost:9000'],
    ['localhost:9000', 'https://localhost:9000'],
    ['LOCALHOST:9000', 'http://localhost:9000'],
    ['127.0.0.1:9000', 'http://127.0.0.1:9000'],
    ['[::1]:9000', 'http://[::1]:9000'],
    ['ops.example', 'https://ops.example'],
    ['ops.example:8443', 'https://Ops.Example:8443'],
  ])('of the server as %s asked it: %s', async (host, origin) => {
    expect(await ask({ host, origin })).toBeNull();
  });

  it.each([
    ...[
      'null',
      '',
      '*',
      'localhost:9000',
      '//localhost:9000',
      'https://evil.example',
      'http://evil.example:9000',
    ],
    ...['http://localhost', 'http://localhost:3000', 'http://localhost:90', 'http://localhost:90000'],
    ...[
      'http://127.0.0.1:9000',
      'http://[::1]:9000',
      'https://ops.example',
      'http://localhost:9000.evil.example',
    ],
    ...[
      'http://localhost:9000/',
      'http://localhost:9000@evil.example',
      'http://evil.example#http://localhost:9000',
    ],
    ...['ftp://localhost:9000', 'file://', 'chrome-extension://localhost:9000', 'xhttp://localhost:9000'],
    ...['http://localhost:9000, http://localhost:9000', 'https://evil.example http://localhost:9000'],
  ])('foreign to localhost:9000: %j', async (origin) => {
    expect(await ask({ host: 'localhost:9000', origin })).toBe('foreign-origin');
  });
});

describe('on a real socket', () => {
  let url: string;
  beforeAll(async () => {
    url = (await world.coordinator()).url;
  });

  it('the table has every route of the document', async () => {
    const { body } = await send(`${url}/openapi.json`);
    const asked = ROUTES.map(([line]) => line.replace(/\?.*/, '').replace('%3A', ':'));
    const missing = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) => {
      const segments = path.split(/\{\w+\}/).map((text) => text.replace(/[.:]/g, '\\$&'));
      return Object.keys(methods)
        .map((method) => `${method.toUpperCase()} ${segments.join('[^/]+')}`)
        .filter((line) => !asked.some((one) => new RegExp(`^${line}$`).test(one.replace(/^HEAD/, 'GET'))));
    });
    expect(missing).toEqual([]);
  });

  // Also where everything else is open: a page must not be able to probe, or to order.
  const lines = [
    'GET /livez',
    'GET /metrics',
    'POST /api/coordinator/orders',
    'GET /nothing',
    'OPTIONS /livez',
  ];
  it.each(lines)('Host and Origin are checked at %s', async (line) => {
    expectProblem(await raw(url, line, 'Host: evil.example'), 'misdirected-request', /ALLOWED_HOSTS/);
    expectProblem(await raw(url, line, 'Origin: https://evil.example'), 'foreign-origin');
    expectProblem(await raw(url, line, 'Origin: null'), 'foreign-origin');
    const { host } = new URL(url);
    const answer = await raw(url, line, `Host: ${host}`, `Origin: http://${host}`);
    expect(['misdirected-request', 'foreign-origin']).not.toContain(answer.body.type);
  });

  it('of two none is believed', async () => {
    const { host } = new URL(url);
    const origins = [`Origin: http://${host}`, 'Origin: https://evil.example'];
    expect(await raw(url, 'GET /livez', `Host: ${host}`, ...origins)).toMatchObject({ status: 403 });
    const hosts = await raw(url, 'GET /livez', 'Host: localhost', 'Host: evil.example');
    expect([400, 421]).toContain(hosts.status);
  });

  it('a Host that cannot be read is refused, by us or before us', async () => {
    for (const host of UNREADABLE_HOSTS) {
      expect([400, 421], host).toContain((await raw(url, 'GET /livez', `Host: ${host}`)).status);
    }
  });

  it('a request without a Host is none of a browser', async () => {
    const old = 'GET /livez HTTP/1.0\r\nConnection: close\r\n';
    expect(await exchange(url, `${old}\r\n`)).toMatchObject({ status: 200 });
    expect(await exchange(url, `${old}Origin: https://evil.example\r\n\r\n`)).toMatchObject({ status: 403 });
  });
});

/** Header values are bytes; what is not ASCII arrives as it would from a socket. */
function encoded(text: string): string {
  return Buffer.from(text).toString('latin1');
}
