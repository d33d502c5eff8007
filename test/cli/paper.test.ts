/** What is read at a terminal: as wide as it is, and with times told from now. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saga } from './command.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const ID = '07-0192a3b4-c5d6-7890-8abc-def012345678';
const call = (step: string, kind: string, outcome: string, more: object = {}) => ({
  ...{ seq: 9, at: '2026-03-01T11:57:00Z', event: outcome, from: 'a', to: 'b', step, kind, outcome },
  ...{ attempt: 1, duration_ms: 40, error: null },
  ...more,
});
const REASON = `402 payment-declined: ${'The issuer declined this payment. '.repeat(4)}`;
const SAGA = {
  saga_id: ID,
  status: 'ABORTED',
  message: 'ABORTED: Compensation incomplete',
  state: 'reservingEverythingThatThereIsInTheWarehouse.callingOnceMore',
  steps_completed: 2,
  total_steps: 5,
  label: '注文番号のとても長いラベルですからここで切られます',
  failed_step: 'payment-of-the-whole-journey',
  reason: REASON,
  machine: { id: 'journey-with-a-name-that-is-longer', version: '1' },
  trace_id: '01a2141c7f84767c80e69189c7a5ee11',
  created_at: '2026-03-01T11:57:00Z',
  retry_at: '2026-03-01T12:00:05Z',
  held: [{ step: 'inventory-of-the-whole-journey', reason: REASON, response: { reservations: [REASON] } }],
  remaining_steps: [],
  execution_log: [
    call('inventory-of-the-whole-journey', 'action', 'done'),
    call('payment-of-the-whole-journey', 'action', 'refused', { error: REASON }),
    call('inventory-of-the-whole-journey', 'compensation', 'unknown', { error: REASON }),
    { ...call('', '', ''), event: 'retry', step: null, by: 'ada', reason: REASON },
  ],
};

let server: Server;
let url: string;
let asked: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(String(request.url));
    const body = request.url?.includes(ID) ? SAGA : { active_sagas: 1, cursor: null, sagas: [SAGA] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const at = (args: readonly string[], more: object = {}) =>
  saga([...args, '--url', url], {
    isTerminal: true,
    env: { NO_COLOR: '1' },
    columns: 80,
    now: () => NOW,
    ...more,
  });
/** In columns of the terminal: what is not ASCII here takes two, but for the ellipsis. */
const widthOf = (line: string) =>
  [...line].reduce((sum, letter) => sum + (/[\u3000-\u9fff]/.test(letter) ? 2 : 1), 0);

describe('a table at a terminal', () => {
  it.each([
    ['list', ['list']],
    ['show', ['show', ID]],
  ])('of %s fits, and says that it is cut', async (_, args) => {
    for (const columns of [80, 100, 132]) {
      const { out, err } = await at(args, { columns });
      expect(out).toContain('…');
      for (const line of out.split('\n')) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
      expect(err).toContain('some is cut to fit: --wide shows all\n');
    }
  });

  it.each([
    ['list', ['list']],
    ['show', ['show', ID]],
  ])('of %s is whole with --wide, and where a program reads', async (_, args) => {
    for (const { out, err } of [await at([...args, '--wide']), await at(args, { isTerminal: false })]) {
      expect(out).not.toContain('…');
      for (const whole of [ID, SAGA.state, SAGA.label, SAGA.failed_step]) expect(out).toContain(whole);
      expect(err).not.toContain('--wide');
    }
  });

  it('cuts names in the middle, and neither statuses nor times', async () => {
    const [, row = ''] = (await at(['list'])).out.split('\n');
    expect(row.split(/ {2,}/)).toEqual([
      '07-0192a…2345678',
      'ABORTED',
      'reser…More',
      '2/5',
      '注文…ます',
      'payme…urney',
      '3 min ago',
    ]);
  });

  it('leaves alone what fits', async () => {
    const { out, err } = await at(['list'], { columns: 400 });
    expect(out).toContain(ID);
    expect(err).toBe('1 of 1 sagas\n');
  });
});

describe('a time', () => {
  it('is told from now at a terminal, and beside it the time itself where there is one saga', async () => {
    const { out } = await at(['show', ID]);
    expect(out).toMatch(/^created {3}3 min ago, 2026-03-01T11:57:00Z$/m);
    expect(out).toMatch(/^next try {2}in 5\.0 s, 2026-03-01T12:00:05Z$/m);
    expect(out).toMatch(/^3 min ago {2}retry {2}/m);
    expect((await at(['show', ID], { isTerminal: false })).out).toMatch(/^created {3}2026-03-01T11:57:00Z$/m);
    expect(JSON.parse((await at(['show', ID, '--json'])).out)).toEqual(SAGA);
  });

  it('may be asked for as a span, a day, or a moment with its zone', async () => {
    asked = [];
    await at(['list', '--since', '2h', '--until', '90s', '--stuck-for', '10m']);
    await at(['list', '--since', '2026-01-31', '--until', '2026-01-31T12:00:00+01:00', '--stuck-for', '5']);
    const queries = asked.map((path) => Object.fromEntries(new URL(path, url).searchParams));
    expect(queries).toEqual([
      { since: '2026-03-01T10:00:00.000Z', until: '2026-03-01T11:58:30.000Z', stuck_for: '600' },
      { since: '2026-01-31T00:00:00.000Z', until: '2026-01-31T11:00:00.000Z', stuck_for: '5' },
    ]);
  });

  it.each([
    ['--since', 'yesterday', /^saga: --since is how long ago, such as 2h, or a time, such as /],
    ['--since', '2026-02-31T', /--since is how long ago/],
    // In which zone?
    ['--until', '2026-01-31T12:00:00', /--until is how long ago/],
    ['--until', '90', /--until is how long ago/],
    [
      '--stuck-for',
      'long',
      /^saga: --stuck-for is a span such as 90s, 10m, 2h or 3d, of \d+ seconds at most/,
    ],
    ['--stuck-for', '99999999d', /--stuck-for is a span/],
    ['--limit', '501', /--limit is a whole number from 1 to 500/],
    ['--limit', '0', /--limit is a whole number from 1 to 500/],
  ])('or number that makes no sense is not asked for: %s %s', async (option, value, why) => {
    asked = [];
    const { code, err } = await at(['list', option, value]);
    expect({ code, asked }).toEqual({ code: 2, asked: [] });
    expect(err).toMatch(why);
  });
});
