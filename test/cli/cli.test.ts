/** The command line against a real coordinator. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as all } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { argumentsOf } from '../programs.ts';
import { type Given, saga } from './command.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const ORDER_TEXT = JSON.stringify(ORDER);
const DECLINED_TEXT = JSON.stringify(DECLINED);

let world: World;
let url: string;
let pass: () => Promise<void> = async () => {};

beforeAll(async () => {
  world = await openWorld({ clock: { now: Date.now, sleep: () => pass() } });
  url = (await world.coordinator()).url;
});
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});
afterAll(() => world.close());

const at = (args: readonly string[], given: Given = {}) => saga([...args, '--url', url], given);

/** What differs from run to run, by what it is. */
function plain(text: string): string {
  return text
    .replace(/[0-9a-f]{2}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/\b[0-9a-f]{32}\b/g, 'TRACE')
    .replace(/ord_\w+/g, 'ORD')
    .replace(/res_\w+/g, 'RES')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\d+(\.\d)? m?s\b/g, 'SPAN')
    .replace(/[.=x~?]{10,}/g, 'LINE')
    .replace(/ {2,}/g, '  ');
}

async function parked(): Promise<{ id: string; seq: number }> {
  world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const { body } = await submit(url, DECLINED);
  expect(body.status).toBe('ABORTED');
  world.services.inventory.faults.clear();
  return { id: body.saga_id, seq: body.execution_log.at(-1).seq };
}

describe('submit', () => {
  it('sends an order and says which saga it is, without waiting', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    pass = () => opened;
    world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const { code, out, err } = await at(['submit'], { input: ORDER_TEXT });
    open();
    expect({ code, out: plain(out), err }).toEqual({ code: 0, out: 'ID STARTED\n', err: '' });
  });

  it('waits for the end, and shows the saga', async () => {
    const { code, out } = await at(['submit', '--wait'], { input: ORDER_TEXT });
    expect(code).toBe(0);
    expect(plain(out)).toBe(
      [
        'saga ID',
        'status  COMPLETED: All steps successful',
        'state  completed',
        'label  ORD',
        'seq  6',
        '',
        'step  call  0  SPAN  attempts',
        ...SERVICE_NAMES.map((name) => `${name}  action  LINE  1 done SPAN`),
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['failed', () => {}],
    [
      'is parked',
      () => world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]),
    ],
  ])('ends with 1 where the saga %s', async (_, prepare) => {
    prepare();
    expect((await at(['submit', '-', '--wait'], { input: DECLINED_TEXT })).code).toBe(1);
  });

  it('ends with 5 where the wait is over first', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    pass = () => opened;
    world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const { code, out } = await at(['submit', '--wait', '--timeout', '0'], { input: ORDER_TEXT });
    open();
    expect(code).toBe(5);
    expect(out).toContain('STARTED');
  });

  it('joins the saga of its idempotency key, and is refused with another order', async () => {
    const args = ['submit', '--json', '--wait', '--idempotency-key', 'key 1'];
    const [first, second] = [await at(args, { input: ORDER_TEXT }), await at(args, { input: ORDER_TEXT })];
    expect(JSON.parse(second.out).saga_id).toBe(JSON.parse(first.out).saga_id);
    const { code, err, out } = await at(args, { input: DECLINED_TEXT });
    expect(code).toBe(4);
    expect(err).toMatch(/^saga: The idempotency key was used before with another body: /);
    expect(JSON.parse(out).type).toBe('idempotency-key-reused');
  });

  it('shows at a terminal how far the saga is, and clears that away', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    pass = () => opened;
    world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const { code, err, out } = await at(['submit', '--wait'], {
      input: ORDER_TEXT,
      isTerminal: true,
      onWrite: (written) => {
        if (written.includes('processingPayment')) open();
      },
    });
    expect(code).toBe(0);
    expect(err).toMatch(/processingPayment\.calling/);
    expect(err.endsWith('\r\x1b[2K')).toBe(true);
    expect(out).toContain('\x1b[32mCOMPLETED: All steps successful\x1b[0m');
    const plainly = await at(['submit', '--wait'], {
      input: ORDER_TEXT,
      isTerminal: true,
      env: { NO_COLOR: '1' },
    });
    expect(plainly.out).not.toContain('\x1b');
  });

  it('goes on waiting while its coordinator is killed and another takes over', async () => {
    let [entered, open] = [() => {}, () => {}];
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    pass = () => {
      entered();
      return opened;
    };
    world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const first = await world.process({ COORDINATOR_ID: 'cli' });
    const port = new URL(first.url).port;
    let restarting: Promise<unknown> | undefined;
    const waiting = saga(['submit', '--wait', '--json', '--url', first.url], {
      input: ORDER_TEXT,
      pause: async () => {
        restarting ??= world.process({ COORDINATOR_ID: 'cli', COORDINATOR_PORT: port });
        await restarting;
        open();
      },
    });
    await inside;
    await first.end('SIGKILL');
    const { code, out } = await waiting;
    expect(code).toBe(0);
    expect(JSON.parse(out).execution_log.map(({ event }: { event: string }) => event)).toContain('takenOver');
  });

  it('points at each bad field of an order that is refused', async () => {
    const { code, err } = await at(['submit'], { input: JSON.stringify({ ...ORDER, items: [], extra: 1 }) });
    expect(code).toBe(4);
    expect(err).toMatch(
      /^saga: The body is not as the contract says: .*\n {2}\/items {2}.*\n {2}\/extra {2}/,
    );
  });
});

describe('list', () => {
  it('shows the newest sagas in a table, and beside it how many there are', async () => {
    const { id } = await parked();
    const { code, out, err } = await at(['list', '--status', 'ABORTED', '--limit', '1']);
    expect(code).toBe(0);
    const [header, row] = out.split('\n');
    expect(header?.split(/ {2,}/)).toEqual([
      'SAGA',
      'STATUS',
      'STATE',
      'STEPS',
      'LABEL',
      'FAILED STEP',
      'CREATED',
    ]);
    expect(row?.split(/ {2,}/)).toEqual([
      ...[id, 'ABORTED', 'parked', '2/5', expect.stringMatching(/^ord_/), 'payment', expect.any(String)],
    ]);
    expect(err).toMatch(/^1 of \d+ sagas; more with --cursor \S+\n$/);
    const cursor = /--cursor (\S+)/.exec(err)?.[1] ?? '';
    const next = await at(['list', '--status', 'ABORTED', '--json', '--cursor', cursor]);
    expect(JSON.parse(next.out).sagas.map(({ saga_id }: { saga_id: string }) => saga_id)).not.toContain(id);
  });

  it('is refused with a filter that the coordinator does not know, in its words', async () => {
    const { code, err } = await at(['list', '--cursor', 'none']);
    expect({ code, err }).toEqual({
      code: 4,
      err: 'saga: A query parameter cannot be used: The cursor is not one that a listing gave\n',
    });
  });
});

describe('show', () => {
  it('draws attempts, undoing, and what is still held', async () => {
    const { shipping } = world.services;
    shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
    const { body } = await submit(url);
    const retried = await at(['show', body.saga_id]);
    expect(plain(retried.out)).toMatch(
      /^shipping {2}action {2}LINE {2}1 retryable SPAN \(503 [^)]*\), 2 done SPAN$/m,
    );

    shipping.faults.set([{ endpoint: 'action', kind: 'lose-answer', times: 1 }]);
    const lost = await at(['show', (await submit(url)).body.saga_id]);
    expect(plain(lost.out)).toMatch(/^shipping .* 1 unknown SPAN \(.*\), 2 done SPAN from its ledger$/m);

    const { id, seq } = await parked();
    const { out } = await at(['show', id]);
    expect(plain(out)).toMatch(
      new RegExp(
        [
          '^saga ID',
          'status  ABORTED: Compensation incomplete',
          'state  parked',
          'label  ORD',
          'machine  order@1',
          'trace  TRACE',
          'created  TIME',
          `seq  ${seq}`,
          'failed  payment: .*',
          '',
          'step  call  0  SPAN  attempts',
          'order  action  LINE  1 done SPAN',
          'inventory  action  LINE  1 done SPAN',
          'payment  action  LINE  1 refused SPAN \\(.*\\)',
          'payment  compensation  LINE  1 done SPAN',
          'inventory  compensation  LINE  1 refused SPAN \\(409 .*\\)',
          'order  compensation  LINE  1 done SPAN',
          '',
          'still held',
          'inventory  409 .*  \\{"reservations":.*',
          '$',
        ].join('\n'),
      ),
    );
  });

  it('is refused for a saga that is not there', async () => {
    const { code, err, out } = await at(['show', '../health']);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toMatch(/There is no such saga/);
  });
});

describe('an id', () => {
  it('may be cut short while no other begins so, anywhere', async () => {
    const { id } = await parked();
    // Until here its own millisecond and what was drawn for it.
    const cut = id.slice(0, 24);
    const [byBeginning, byBoth, bare] = await Promise.all(
      [cut, `0…${id.slice(-8)}`, `${id.slice(0, 7)}...${id.slice(-8)}`].map((written) =>
        at(['show', written]),
      ),
    );
    for (const shown of [byBeginning, byBoth, bare]) expect(shown?.out).toContain(`saga ${id}\n`);
    expect((await at(['watch', cut])).out).toMatch(new RegExp(`^${id} .*ABORTED`));
    expect((await at(['retry', cut, '--reason', 'r'])).out).toContain(id);
  });

  it('that several begin with is told with all of them, and is nobody', async () => {
    for (let n = 0; n < 2; n += 1) await submit(url);
    const { code, out, err } = await at(['cancel', '0', '--reason', 'r']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    const [first, ...candidates] = err.trimEnd().split('\n');
    expect(first).toBe('saga: 0 is the beginning of several ids');
    const { sagas } = JSON.parse((await at(['list', '--json', '--limit', '500'])).out);
    const all = sagas.filter(({ saga_id: id }: { saga_id: string }) => id.startsWith('0'));
    const lines = all.map(
      (saga: Record<string, string>) => `  ${saga.saga_id}  ${saga.status}  ${saga.label}`,
    );
    expect(candidates).toEqual(lines.length > 10 ? [...lines.slice(0, 10), '  and of more'] : lines);
  });

  it('that nobody has is refused by the coordinator', async () => {
    for (const none of ['07-0000', '07-0000…ff', 'f…', '07-0…'])
      expect(await at(['show', none])).toMatchObject({ code: 4, err: expect.stringMatching(/no such saga/) });
  });
});

describe('operating', () => {
  it('retries what parked, for a reason that stands in the log with a name', async () => {
    const { id } = await parked();
    const { code, out } = await at(['retry', id, '--reason', 'stock is back']);
    expect(code).toBe(0);
    expect(plain(out)).toMatch(/^retry accepted: saga ID \w+ in \S+\n$/);
    let shown = '';
    do shown = (await at(['show', id])).out;
    while (!shown.includes('FAILED'));
    expect(plain(shown)).toContain('TIME  retry inventory  by ada: stock is back');
    expect(plain(shown)).toMatch(/^inventory {2}compensation {2}LINE {2}1 refused SPAN .*, 1 done SPAN$/m);
  });

  it('has participants asked, and ends with 1 where nobody can tell', async () => {
    const { id } = await parked();
    const stands = await at(['ask', id, 'inventory']);
    expect(stands.code).toBe(0);
    expect(plain(stands.out)).toMatch(
      /^state {2}done\nsaid by {2}inventory, 200\nasked {2}TIME\nat {2}http\S+\/api\/stands\?saga_id=ID&step=inventory\ndigest {2}sha-256=:\S+:\nanswer {2}\{"state":"done",.+\}\n$/,
    );
    expect(JSON.parse((await at(['ask', id, 'order', '--json'])).out)).toMatchObject({ state: 'undone' });
    expect((await at(['ask', id, 'shipping'])).code).toBe(1);
    expect((await at(['ask', id, 'weather'])).code).toBe(4);
  });

  it('skips and resolves only what was looked at', async () => {
    const { id, seq } = await parked();
    const reason = ['--reason', 'by hand', '--by', 'grace'];
    const unseen = await at(['resolve', id, 'FAILED', ...reason]);
    expect(unseen.code).toBe(2);
    expect(unseen.err).toContain('needs --seq');
    expect((await at(['skip', id, 'inventory', ...reason, '--seq', String(seq - 1)])).code).toBe(4);
    expect((await at(['skip', id, 'inventory', ...reason, '--seq', String(seq)])).code).toBe(0);
    let body: { status: string };
    do ({ body } = await send(`${url}/api/coordinator/sagas/${id}`));
    while (body.status === 'ABORTED');
    expect(body.status).toBe('FAILED');

    const proven = await parked();
    const skip = ['skip', proven.id, 'inventory', ...reason, '--seq', String(proven.seq), '--with-proof'];
    const unproven = await at(skip);
    expect([unproven.code, unproven.err]).toEqual([
      4,
      expect.stringContaining('inventory says that it is done'),
    ]);

    const other = await parked();
    const resolved = await at(['resolve', other.id, 'completed', ...reason, '--seq', String(other.seq)]);
    expect(resolved.code).toBe(0);
    do ({ body } = await send(`${url}/api/coordinator/sagas/${other.id}`));
    while (body.status === 'ABORTED');
    expect(body).toMatchObject({ status: 'COMPLETED', resolved_by: 'grace' });
  });

  it('cancels no saga that has ended', async () => {
    const { body } = await submit(url);
    const { code, err } = await at(['cancel', body.saga_id, '--reason', 'too late']);
    expect(code).toBe(4);
    expect(err).toMatch(/knows no (such event|cancel)/);
  });
});

describe('looking at all', () => {
  it('sums up, says how everybody is, and lists what runs, in 80 columns', async () => {
    await submit(url, DECLINED);
    const [stats, health, machines] = await Promise.all(
      ['stats', 'health', 'machines'].map((name) => at([name])),
    );
    expect([stats?.code, health?.code, machines?.code]).toEqual([0, 0, 0]);
    expect(stats?.out).toMatch(/^sagas {7}\d+, \d+ STARTED, \d+ COMPLETED, \d+ FAILED, \d+ ABORTED$/m);
    expect(stats?.out).toMatch(/^failed at {3}order payment \d+$/m);
    expect(health?.out).toMatch(/^coordinator {3}healthy$/m);
    expect(health?.out).toMatch(/^notification {2}answers$/m);
    expect(machines?.out).toMatch(/^order +1 +- +order inventory payment shipping notification$/m);
    for (const { out } of [stats, health, machines].filter((one) => one !== undefined))
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(JSON.parse((await at(['stats', '--json'])).out).total_steps).toBeGreaterThan(0);
  });

  it('finds what is parked by what is wrong with it', async () => {
    const { id } = await parked();
    expect((await at(['list', '--status', 'ABORTED', '--error', '409'])).out).toContain(id);
    expect((await at(['list', '--status', 'ABORTED', '--error', 'no such words'])).out).not.toContain(id);
  });

  it('sends events, of which the coordinator says what is wrong with them', async () => {
    const { code, err } = await at(['send-event', 'none', 'approval', '{"by":"Ada"}', '--id', 'e-1']);
    expect(code).toBe(4);
    expect(err).toMatch(/There is no such saga/);
  });

  it('says its own version', async () => {
    expect((await saga(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a wrong command', () => {
  it.each([
    [['submit'], /needs a file/],
    [['submit', '/nowhere/order.json'], /ENOENT/],
    [['submit', 'package.json', '--timeout', 'long', '--wait'], /--timeout is a span/],
    [['submit', 'package.json', '--idempotency-key', 'a"b'], /plain characters/],
    [['retry', 'x'], /needs --reason/],
    [['resolve', 'x', 'PARKED', '--reason', 'r', '--seq', '1'], /COMPLETED or FAILED/],
    [['send-event', 'x', 'approval', 'by: Ada'], /no JSON/],
    [['send-event', 'x', 'approval', '[1]'], /JSON object/],
    [['list', '--url', 'ftp://x'], /no http URL/],
    [['list', '--url', 'http://me:secret@x'], /a user has no place in the URL/],
    [['list', '--token', 'a b'], /--token/],
  ])('%j ends with 2 and says why', async (args, why) => {
    const { code, out, err } = await saga(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(why);
  });

  it('such as an order that is not JSON is not sent', async () => {
    const { code, err } = await at(['submit'], { input: '{"customer_id":' });
    expect(code).toBe(2);
    expect(err).toMatch(/the order is not JSON/);
  });

  it('such as an order that is not UTF-8 is not sent, and nothing in it replaced', async () => {
    const { code, err } = await at(['submit'], {
      input: Buffer.from(ORDER_TEXT.replace('Ada', 'J\xf6rg'), 'latin1'),
    });
    expect(code).toBe(2);
    expect(err).toMatch(/the order is not encoded as UTF-8/);
  });
});

describe('the process', () => {
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, [...argumentsOf('cli/main.ts'), ...args], {
      env: { PATH: process.env.PATH, SAGA_URL: url, ...env },
    });
    const exited = once(child, 'exit') as Promise<[number | null]>;
    return { child, ended: Promise.all([exited, all(child.stdout), all(child.stderr)]) };
  };

  it('reads a pipe, asks SAGA_URL, and ends with the code of the command', async () => {
    const { child, ended } = start(['submit', '--wait', '--json']);
    child.stdin.end(DECLINED_TEXT);
    const [[code], out, err] = await ended;
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(JSON.parse(out).status).toBe('FAILED');
  });

  it('says what it can where it is asked', async () => {
    const { child, ended } = start(['help']);
    child.stdin.end();
    const [[code], out] = await ended;
    expect(code).toBe(0);
    for (const name of ['submit', 'list', 'show', 'watch', 'retry', 'cancel', 'skip', 'resolve'])
      expect(out).toMatch(new RegExp(`^  saga ${name}\\b`, 'm'));
  });

  it('sends the token of its environment', async () => {
    const token = 'a-token-of-some-length';
    const guarded = await world.coordinator({ API_TOKEN: token });
    const refused = await saga(['list', '--url', guarded.url]);
    expect(refused.code).toBe(4);
    expect((await saga(['list', '--url', guarded.url], { env: { API_TOKEN: token } })).code).toBe(0);
    expect((await saga(['list', '--url', guarded.url, '--token', token])).code).toBe(0);
  });
});
