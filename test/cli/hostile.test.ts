/** The command line against servers that are no good coordinators. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { asJson, shown } from '../../cli/text.ts';
import { saga } from './command.ts';

/** Clears the screen, retitles the window, goes up a line, reverses text, hides it, and is half a character. */
const HOSTILE = '\x1b[2J\x1b]0;owned\x07\r\x9b1A\u202egnp\u200b\u{e0041}\ud800\u2028\x7f\n';
/** What a terminal may obey; colours of ours are taken out before. */
const OBEYED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]|\p{Surrogate}|[\u{e0000}-\u{e007f}]/u;

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(
      (server) =>
        new Promise((resolve) => {
          server.close(resolve);
          server.closeAllConnections();
        }),
    ),
  );
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answer =
  (status: number, body: unknown, type = 'application/json'): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

const entry = {
  seq: HOSTILE,
  at: HOSTILE,
  event: HOSTILE,
  from: HOSTILE,
  to: HOSTILE,
  step: HOSTILE,
  kind: HOSTILE,
  attempt: HOSTILE,
  outcome: HOSTILE,
  duration_ms: HOSTILE,
  error: HOSTILE,
  by: HOSTILE,
  reason: HOSTILE,
};
const hostileSaga = {
  saga_id: HOSTILE,
  order_id: HOSTILE,
  status: HOSTILE,
  message: HOSTILE,
  state: HOSTILE,
  failed_step: HOSTILE,
  reason: HOSTILE,
  held: [{ step: HOSTILE, reason: HOSTILE, response: { [HOSTILE]: HOSTILE } }],
  execution_log: [entry, { ...entry, at: '2026-01-01T00:00:00Z', duration_ms: 5 }],
  machine: { id: HOSTILE, version: HOSTILE },
  trace_id: HOSTILE,
  created_at: HOSTILE,
  retry_at: HOSTILE,
  remaining_steps: [HOSTILE],
  parked: { reason: HOSTILE },
};
const hostilePage = { active_sagas: HOSTILE, sagas: [hostileSaga], cursor: HOSTILE };
const hostileSummary = {
  bulk_id: HOSTILE,
  act: HOSTILE,
  step: HOSTILE,
  as: HOSTILE,
  by: HOSTILE,
  created_at: HOSTILE,
  sagas: HOSTILE,
};
const hostileBulk = {
  ...hostileSummary,
  reason: HOSTILE,
  can_continue: true,
  counts: { unasked: HOSTILE, done: HOSTILE },
  sagas: [{ saga_id: HOSTILE, result: HOSTILE, state: 'refused', status: HOSTILE }],
};
const hostilePreview = {
  sagas: HOSTILE,
  groups: [
    {
      machine: HOSTILE,
      step: HOSTILE,
      error: HOSTILE,
      sagas: HOSTILE,
      held: { [HOSTILE]: HOSTILE },
      left: { [`${HOSTILE} EUR`]: HOSTILE },
      foreseen: HOSTILE,
      impossible: 1,
      calls: [{ step: HOSTILE, kind: HOSTILE, participant: HOSTILE, count: HOSTILE }],
      ends: { [HOSTILE]: HOSTILE },
    },
  ],
};
const hostileProblem = {
  type: HOSTILE,
  title: HOSTILE,
  detail: HOSTILE,
  errors: [{ pointer: HOSTILE, detail: HOSTILE }],
};

/** One event; and nothing for whoever would go on after it. */
const stream: RequestListener = (request, response) => {
  if (request.headers['last-event-id'] !== undefined) response.destroy();
  else {
    const event = `id: 1\nevent: saga\ndata: ${JSON.stringify(hostileSaga)}\n\n`;
    answer(200, event, 'text/event-stream')(request, response);
  }
};

describe('what a server says', () => {
  it.each([
    ['show', ['show', 'x'], answer(200, hostileSaga)],
    ['list', ['list'], answer(200, hostilePage)],
    ['retry', ['retry', 'x', '--reason', 'r'], answer(202, hostileSaga)],
    ['bulk show', ['bulk', 'show', 'x'], answer(200, hostileBulk)],
    ['bulk list', ['bulk', 'list'], answer(200, { bulks: [hostileSummary] })],
    ['bulk --dry-run', ['bulk', 'retry', '--error', 'x', '--dry-run'], answer(200, hostilePreview)],
    ['submit', ['submit', 'package.json'], answer(202, hostileSaga)],
    ['submit --wait', ['submit', 'package.json', '--wait'], answer(201, hostileSaga)],
    ['a problem', ['list'], answer(422, hostileProblem, 'application/problem+json')],
    ['watch', ['watch'], stream],
  ] as const)('moves no cursor: %s', async (_, args, listener) => {
    const url = await serve(listener);
    for (const isTerminal of [true, false]) {
      for (const json of [[], ['--json']]) {
        const { out, err } = await saga([...args, ...json, '--url', url], { isTerminal });
        // What this program itself paints, and the one line that it draws over.
        // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is taken out
        const rest = (out + err).replace(/\x1b\[\d+m|\r\x1b\[2K/g, '');
        expect(rest).not.toMatch(OBEYED);
        expect(rest).toContain('\\u001b');
      }
    }
  });

  it('is the same JSON when it is written harmlessly', () => {
    expect(asJson({ a: HOSTILE }, 2)).not.toMatch(OBEYED);
    expect(JSON.parse(asJson({ a: HOSTILE }, 2))).toEqual({ a: HOSTILE });
    expect(shown('Łódź 東京 👍🏽 é')).toBe('Łódź 東京 👍🏽 é');
  });
});

describe('a server that is', () => {
  it('not there: 3', async () => {
    const { code, err } = await saga(['list', '--url', 'http://127.0.0.1:1']);
    expect(code).toBe(3);
    expect(err).toMatch(/^saga: http:\/\/127\.0\.0\.1:1 does not answer: .+\n$/);
  });

  it('gone in the middle of an answer: 3, and with which key the order can be asked after', async () => {
    const url = await serve((request, response) => {
      request.resume();
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"saga_id":', () => response.destroy());
    });
    const { code, err } = await saga(['submit', 'package.json', '--idempotency-key', 'k-1', '--url', url]);
    expect(code).toBe(3);
    expect(err).toMatch(/--idempotency-key k-1 joins it/);
  });

  it('another one: 4, and its redirect never gets the token', async () => {
    const seen: unknown[] = [];
    const elsewhere = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    const url = await serve((_, response) => {
      response.writeHead(302, { location: elsewhere }).end();
    });
    const { code, err } = await saga(['list', '--token', 'sesame', '--url', url]);
    expect(code).toBe(4);
    expect(err).toMatch(/is no coordinator/);
    expect(seen).toEqual([]);
    const page = await serve(answer(200, '<html>', 'text/html'));
    expect((await saga(['list', '--url', page])).code).toBe(4);
  });

  it('busy: a wait goes on, and says so at a terminal', async () => {
    let asked = 0;
    const url = await serve((request, response) => {
      asked += 1;
      request.resume();
      if (asked === 1) answer(202, { saga_id: 'x', status: 'STARTED', state: 'a' })(request, response);
      else if (asked === 2) {
        answer(503, { title: 'stopping', detail: 'now' }, 'application/problem+json')(request, response);
      } else if (asked === 3) response.destroy();
      else answer(201, { saga_id: 'x', status: 'COMPLETED', message: 'all done' })(request, response);
    });
    const { code, err } = await saga(['submit', 'package.json', '--wait', '--url', url], {
      isTerminal: true,
    });
    expect({ code, asked }).toEqual({ code: 0, asked: 4 });
    expect(err).toMatch(/stopping: now/);
  });
});
