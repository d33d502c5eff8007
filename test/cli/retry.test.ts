/** Retries from the command line, of one saga and of many, against a real coordinator. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as all } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { type Given, saga } from './command.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const WHY = ['--reason', 'stock is back'];

let world: World;
let url: string;
beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
});
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});
afterAll(() => world.close());

const at = (args: readonly string[], given: Given = {}) => saga([...args, '--url', url], given);
const refuse = (service: 'inventory' | 'order') =>
  world.services[service].faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);

/** Its undoing is refused by a service. */
async function parked(service: 'inventory' | 'order' = 'inventory'): Promise<{ id: string; label: string }> {
  refuse(service);
  const { body } = await submit(url, DECLINED);
  expect(body.status).toBe('ABORTED');
  world.services[service].faults.clear();
  return { id: body.saga_id, label: body.order_id };
}

async function statusOf(id: string): Promise<string> {
  return (await send(`${url}/api/coordinator/sagas/${id}`)).body.status;
}

describe('a retry that waits', () => {
  it('ends when the saga has, and shows it', async () => {
    const { id } = await parked();
    const { code, out, err } = await at(['retry', id, ...WHY, '--wait']);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(/^status {3}FAILED: Compensated successfully$/m);
    expect(out).toContain('by ada: stock is back');
  });

  it('does not take what was parked before for the end, and ends where it is parked anew', async () => {
    const { id } = await parked();
    refuse('inventory');
    const { code, out } = await at(['retry', id, ...WHY, '--wait', '--json']);
    expect(code).toBe(1);
    const { status, execution_log: log } = JSON.parse(out);
    expect(status).toBe('ABORTED');
    const events = log.map(({ event }: { event: string }) => event);
    expect(events.slice(events.lastIndexOf('retry'))).toContain('refused');
  });

  it('ends with 5 where the wait is over first, and shows meanwhile how far the saga is', async () => {
    const { id } = await parked();
    world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'hang' }]);
    let [now, isSeen] = [0, false];
    const { code, err } = await at(['retry', id, ...WHY, '--wait', '--timeout', '2m', '--wide'], {
      isTerminal: true,
      env: { NO_COLOR: '1' },
      now: () => now,
      onWrite: (written) => {
        isSeen ||= written.includes('releasingInventory.calling');
      },
      pause: async () => {
        now += isSeen ? 60_000 : 1;
      },
    });
    expect(code).toBe(5);
    expect(err).toMatch(/\d+ ms {2}releasingInventory\.calling/);
    // The line is cleared away.
    expect(err.split('\r\x1b[2K').at(-1)).toBe('');
  });

  it('is refused as one that does not', async () => {
    const { body } = await submit(url);
    expect((await at(['retry', body.saga_id, ...WHY, '--wait'])).code).toBe(4);
  });
});

describe('a retry of many', () => {
  it('shows first what it would do, and changes nothing', async () => {
    const [first, second] = [await parked(), await parked()];
    const { code, out, err } = await at(['retry', '--error', '409', '--dry-run']);
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines[0]?.split(/ {2,}/)).toEqual(['SAGA', 'STATE', 'FAILED STEP', 'LABEL']);
    expect(lines[1]?.split(/ {2,}/)).toEqual([second.id, 'parked', 'payment', second.label]);
    expect(lines[2]?.split(/ {2,}/)).toEqual([first.id, 'parked', 'payment', first.label]);
    expect(err).toBe(`${lines.length - 1} would be retried: nothing was\n`);
    expect([await statusOf(first.id), await statusOf(second.id)]).toEqual(['ABORTED', 'ABORTED']);
    const told = JSON.parse((await at(['retry', '--label', first.label, '--dry-run', '--json'])).out);
    expect(told).toMatchObject({ dry_run: true, sagas: [{ saga_id: first.id }], cursor: null });
  });

  it('retries what the filters find, for a reason, and nothing else', async () => {
    const [stock, order] = [await parked('inventory'), await parked('order')];
    const { code, out, err } = await at([
      'retry',
      '--label',
      stock.label,
      '--failed-step',
      'payment',
      ...WHY,
    ]);
    expect({ code, out, err }).toEqual({ code: 0, out: 'retry accepted: 1 of 1 sagas\n', err: '' });
    while ((await statusOf(stock.id)) !== 'FAILED');
    expect((await at(['show', stock.id])).out).toContain('by ada: stock is back');
    expect(await statusOf(order.id)).toBe('ABORTED');
    const none = await at(['retry', '--label', stock.label, ...WHY]);
    expect(none).toEqual({ code: 0, out: 'retry accepted: 0 of 0 sagas\n', err: '' });
  });

  it('goes on from page to page, as far as --limit says', async () => {
    const all = [await parked(), await parked(), await parked()];
    const found = JSON.parse((await at(['retry', '--status', 'ABORTED', '--dry-run', '--json'])).out).sagas;
    const two = await at(['retry', '--status', 'ABORTED', '--limit', '2', ...WHY, '--json']);
    expect(JSON.parse(two.out)).toMatchObject({
      ...{ dry_run: false, accepted: 2, cursor: expect.any(String) },
      results: [{ saga_id: all[2]?.id }, { saga_id: all[1]?.id }],
    });
    const rest = await at(['retry', '--status', 'ABORTED', ...WHY]);
    expect(rest.out).toBe(`retry accepted: ${found.length - 2} of ${found.length - 2} sagas\n`);
  });
});

describe('pages of many', () => {
  /** The second page has one that moved, and the third is never answered where there is one. */
  async function retried(pages: number) {
    const asked: { cursor?: string; limit: number }[] = [];
    const server = createServer(async (request, response) => {
      const { cursor, limit } = JSON.parse(await all(request));
      asked.push({ cursor, limit });
      if (asked.length === 3) return response.destroy();
      const result = asked.length === 1 ? 'accepted' : 'moved';
      const results = [{ saga_id: `0${asked.length}-x`, result }];
      const next = asked.length < pages ? `after-${asked.length}` : null;
      const body = { dry_run: false, accepted: result === 'accepted' ? 1 : 0, results, cursor: next };
      return response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const args = ['retry', '--error', '409', '--limit', '700', ...WHY, '--url', `http://127.0.0.1:${port}`];
    const ran = await saga(args);
    server.close();
    return { ...ran, asked };
  }
  const TOLD = '02-x  moved\nretry accepted: 1 of 2 sagas\n';

  it('are asked for to the last, and 4 says that some were not retried', async () => {
    expect(await retried(2)).toEqual({
      ...{ code: 4, out: TOLD, err: '' },
      asked: [{ limit: 500 }, { cursor: 'after-1', limit: 500 }],
    });
  });

  it('that were answered are told of, also where one is not', async () => {
    expect(await retried(3)).toMatchObject({
      code: 3,
      out: TOLD,
      err: expect.stringMatching(/does not answer/),
    });
  });
});

describe('a wrong retry', () => {
  it.each([
    [[], 'retry needs ID, or which sagas: --failed-step, --error, --status ABORTED (see saga help retry)'],
    [
      ['--dry-run'],
      'retry needs ID, or which sagas: --failed-step, --error, --status ABORTED (see saga help retry)',
    ],
    [['--error', '409'], 'retry needs --reason (see saga help retry)'],
    [['x', '--error', '409', ...WHY], '--error is for many sagas, and ID names one (see saga help retry)'],
    [['x', '--dry-run', ...WHY], '--dry-run is for many sagas, and ID names one (see saga help retry)'],
    [['--error', '409', '--wait', ...WHY], '--wait is for one saga, named by its ID (see saga help retry)'],
    [
      ['--error', '409', '--seq', '7', ...WHY],
      '--seq is for one saga, named by its ID (see saga help retry)',
    ],
    [['x', '--timeout', '1m', ...WHY], '--timeout is for --wait (see saga help retry)'],
    [['x', '--seq', 'last', ...WHY], '--seq must be a whole number (see saga help retry)'],
    [
      ['--error', '409', '--limit', '0', ...WHY],
      '--limit is a whole number from 1 to 1000000000 (see saga help retry)',
    ],
    [['--status', 'FAILED', ...WHY], '--status is ABORTED or STARTED, not FAILED (see saga help retry)'],
  ])('%j ends with 2', async (args, why) => {
    expect(await at(['retry', ...args])).toEqual({ code: 2, out: '', err: `saga: ${why}\n` });
  });
});
