/** Bodies that cannot be kept as they were sent: bytes that are no UTF-8, other charsets, compressed, cut off. */
import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, openWorld, send, type World } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { changed, orderWith } from './order.ts';
import { expectProblem, pointers } from './problem.ts';
import { exchange, head } from './raw.ts';

const ORDERS = '/api/coordinator/orders';
const SAGAS = '/api/coordinator/sagas';

let world: World;
let url: string;
beforeAll(async () => {
  world = await openWorld();
  ({ url } = await world.coordinator());
});
afterAll(() => world.close());

/** Sends the body by its length, and once more in chunks. */
async function bothWays(path: string, type: string, body: Buffer, headers: readonly string[] = []) {
  const line = `POST ${path}`;
  const kind = `Content-Type: ${type}`;
  const whole = await exchange(url, head(line, [kind, `Content-Length: ${body.length}`, ...headers]), body);
  const chunk = [`${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n'];
  const chunked = await exchange(url, head(line, [kind, 'Transfer-Encoding: chunked', ...headers]), ...chunk);
  return [whole, chunked];
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const reasoned = '{"reason":"für Jörg"}';
const JSON_ROUTES = [
  [ORDERS, JSON.stringify(changed('/shipping_address/name', 'Jörg'))],
  [`${SAGAS}/none/cancel`, reasoned],
  [`${SAGAS}/none/skip`, reasoned],
  [`${SAGAS}:retry`, '{"reason":"für Jörg","filter":{"status":"ABORTED"}}'],
] as const;

/** Each is no UTF-8, though a lenient decoder would make something of it. */
const BROKEN = [
  ['a lone continuation', [0x80]],
  ['a sequence that is cut off', [0xe2, 0x82]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0xbd]],
  ['beyond Unicode', [0xf5, 0x80, 0x80, 0x80]],
] as const;

describe('bytes that are no UTF-8', () => {
  it.each(JSON_ROUTES)('at %s', async (path, text) => {
    for (const answer of await bothWays(path, 'application/json', latin1(text))) {
      expectProblem(answer, 'malformed-json', /UTF-8/);
    }
  });

  it.each(BROKEN)('%s', async (_, bytes) => {
    const [before = '', after = ''] = JSON.stringify(changed('/customer_id', '*')).split('*');
    const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
    for (const answer of await bothWays(ORDERS, 'application/json', body)) {
      expectProblem(answer, 'malformed-json', /UTF-8/);
    }
  });

  it('but every character that there is comes back as it was sent', async () => {
    const name = 'Jörg 文字 😀 \u0000 \ufffd \u2028';
    const body = JSON.stringify(changed('/shipping_address/name', name));
    const { status, body: made } = await send(`${url}${ORDERS}`, { method: 'POST', body });
    expect(status).toBe(201);
    const { body: shown } = await send(`${url}${SAGAS}/${made.saga_id}`);
    expect(shown.context.shipping_address.name).toBe(name);
  });

  const form = 'application/x-www-form-urlencoded';
  it.each([
    ['/login', 'token=für'],
    [`/sagas/none/retry`, 'reason=für&by=ada'],
    ['/bulks', 'act=retry&saga=none 1&reason=für&by=ada'],
  ])('in a form at %s, as they are and behind a per cent sign', async (path, text) => {
    for (const body of [latin1(text), Buffer.from(text.replace('ü', '%fc'))]) {
      for (const answer of await bothWays(path, form, body)) expectProblem(answer, 'malformed-form', /UTF-8/);
    }
  });
});

describe('what JSON can write and nobody can keep', () => {
  it.each([
    ['half a pair', '"metadata":{"note":"\\ud83d"}', '/metadata/note'],
    ['the other half', '"metadata":{"note":"\\uDE00\\uD83D"}', '/metadata/note'],
    ['half a pair in a name', '"metadata":{"\\ud83d":"x"}', '/metadata/\ud83d'],
    ['__proto__', '"metadata":{"a":"1","__proto__":"x"}', '/metadata/__proto__'],
    ['__proto__ in disguise', '"metadata":{"\\u005f_proto__":"x"}', '/metadata/__proto__'],
    ['a field that stands there twice', '"currency":"USD"', '/currency'],
    ['one in disguise', '"metadata":{"a":"1","\\u0061":"1"}', '/metadata/a'],
    ['a number with a digit too many', '"metadata":{"n":1999.0000000000000001}', '/metadata/n'],
    ['a number larger than any', '"metadata":{"n":[0,1e400]}', '/metadata/n/1'],
    ['a number too small', '"metadata":{"n":-1e-400}', '/metadata/n'],
    ['a whole number of too many digits', '"more":9007199254740993', '/more'],
  ])('%s is pointed at', async (_, member, pointer) => {
    const answer = await send(`${url}${ORDERS}`, { method: 'POST', body: orderWith(member) });
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual([pointer]);
  });

  it.each(['1999.0000000000000001', '1e400', '1999.0000000000000000000000001'])(
    'a price of %s is pointed at, though there is a price near it',
    async (price) => {
      const body = JSON.stringify(ORDER).replace('"unit_price":1250', `"unit_price":${price}`);
      const answer = await send(`${url}${ORDERS}`, { method: 'POST', body });
      expectProblem(answer, 'validation-error');
      expect(pointers(answer)).toEqual(['/items/0/unit_price']);
    },
  );

  it('a number may be written in any way, as long as it is that number', async () => {
    const key = { 'idempotency-key': '"one price"' };
    const written = ['1250', '1250.0', '1.25e3', '125000e-2', '1250.00000000000000000000000'];
    const answers = [];
    for (const price of written) {
      const body = JSON.stringify(ORDER).replace('"unit_price":1250', `"unit_price":${price}`);
      answers.push(await send(`${url}${ORDERS}`, { method: 'POST', body, headers: key }));
    }
    // All the same order, so all the same saga.
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.saga_id}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    const saga = await send(`${url}${SAGAS}/${answers[0]?.body.saga_id}`);
    expect(saga.body.context).toMatchObject({ amount: 2500, items: [{ unit_price: 1250 }] });
  });

  it('a whole pair is a character, and a text may be __proto__', async () => {
    const body = orderWith('"metadata":{"note":"\\ud83d\\ude00","name":"__proto__"}');
    expect((await send(`${url}${ORDERS}`, { method: 'POST', body })).status).toBe(201);
  });

  it('however deep it lies, the answer is short', async () => {
    const deep = `${'['.repeat(50_000)}{"__proto__":"\\ud83d"}${']'.repeat(50_000)}`;
    const answer = await send(`${url}${ORDERS}`, { method: 'POST', body: orderWith(`"metadata":${deep}`) });
    expectProblem(answer, 'validation-error');
    expect(JSON.stringify(answer.body).length).toBeLessThan(1000);
  });
});

describe('another charset', () => {
  const body = Buffer.from(JSON.stringify(ORDER));
  it.each(['charset=iso-8859-1', 'charset="UTF-16"', 'CHARSET=us-ascii', 'charset=utf-8; charset=latin1'])(
    '%s',
    async (parameter) => {
      for (const answer of await bothWays(ORDERS, `application/json; ${parameter}`, body)) {
        expectProblem(answer, 'unsupported-media-type', /UTF-8/);
      }
      const form = `application/x-www-form-urlencoded; ${parameter}`;
      const [answer] = await bothWays('/login', form, Buffer.from('token=x'));
      expectProblem(answer ?? expect.fail(), 'unsupported-media-type', /UTF-8/);
    },
  );

  it.each(['charset=utf-8', 'charset="UTF-8"', 'Charset=utf8', 'profile=x'])(
    'but %s is none',
    async (parameter) => {
      for (const { status } of await bothWays(ORDERS, `application/json; ${parameter}`, body)) {
        expect(status).toBe(201);
      }
    },
  );
});

describe('a compressed body', () => {
  const text = JSON.stringify(ORDER);
  it.each([
    ['gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', Buffer.from(text)],
    ['identity, gzip', gzipSync(text)],
  ])('%s', async (coding, body) => {
    for (const answer of await bothWays(ORDERS, 'application/json', body, [`Content-Encoding: ${coding}`])) {
      expectProblem(answer, 'unsupported-media-type', /Content-Encoding/);
      expect(answer.headers['accept-encoding']).toBe('identity');
    }
  });

  it('but identity is none', async () => {
    const headers = ['Content-Encoding: identity'];
    for (const { status } of await bothWays(ORDERS, 'application/json', Buffer.from(text), headers)) {
      expect(status).toBe(201);
    }
  });
});

describe('a form in parts', () => {
  const type = 'multipart/form-data; boundary=separator';
  const part = (name: string, value: string) =>
    `--separator\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

  it.each(['/login', '/sagas/none/retry', '/bulks'])('that cannot be told apart, at %s', async (path) => {
    for (const [kind, body] of [
      [type, 'nonsense'],
      [type, part('token', 'x')],
      [type, `--separator\r\nContent-Disposition: nothing\r\n\r\nx\r\n--separator--\r\n`],
      ['multipart/form-data', `${part('token', 'x')}--separator--\r\n`],
    ] as const) {
      for (const answer of await bothWays(path, kind, Buffer.from(body))) {
        expectProblem(answer, 'malformed-form');
      }
    }
  });

  it('that holds a file', async () => {
    const file =
      '--separator\r\nContent-Disposition: form-data; name="token"; filename="a"\r\nContent-Type: text/plain\r\n\r\nx\r\n--separator--\r\n';
    const [answer] = await bothWays('/login', type, Buffer.from(file));
    expectProblem(answer ?? expect.fail(), 'malformed-form', /file/);
  });

  it('that is whole is read', async () => {
    const body = `${part('reason', 'für Ada')}${part('by', 'ada')}--separator--\r\n`;
    for (const answer of await bothWays('/sagas/none/retry', type, Buffer.from(body))) {
      expect(answer.status).toBe(409);
    }
  });

  it('of another media type is none', async () => {
    const [answer] = await bothWays('/login', 'text/plain', Buffer.from('token=x'));
    expectProblem(answer ?? expect.fail(), 'unsupported-media-type');
  });
});

describe('a client that drops in the middle of its body', () => {
  it.each([
    [ORDERS, 'application/json', '{"customer_id":'],
    [`${SAGAS}/none/cancel`, 'application/json', '{"reason":'],
    ['/login', 'application/x-www-form-urlencoded', 'token='],
    ['/login', 'multipart/form-data; boundary=separator', '--separator'],
  ])('at %s, as %s, is no fault', async (path, type, begin) => {
    const statuses: number[] = [];
    let answered = () => {};
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const app = appOver({}, logger);
    const { serve } = await import('@hono/node-server');
    const server = serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: async (request, env) => {
        const response = await app.fetch(request, env);
        statuses.push(response.status);
        answered();
        return response;
      },
    });
    try {
      await new Promise<void>((resolve) => server.once('listening', resolve));
      const { port } = server.address() as { port: number };
      for (const length of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
        const done = new Promise<void>((resolve) => {
          answered = resolve;
        });
        const begun = length.startsWith('T') ? `${begin.length.toString(16)}\r\n${begin}\r\n` : begin;
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(head(`POST ${path}`, [`Content-Type: ${type}`, length]) + begun, () =>
            socket.destroy(),
          );
        });
        await done;
      }
      expect(statuses).toEqual([400, 400]);
      expect(lines.filter((line) => JSON.parse(line).level >= 40)).toEqual([]);
    } finally {
      server.close();
    }
  });
});
