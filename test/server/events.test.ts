/** Server-sent events over real HTTP, from several coordinators on one Redis. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { openWorld, send, submit, type World } from '../coordinator/world.ts';
import { type EventStream, openEvents, type ServerEvent } from './event-stream.ts';
import { appOver } from './fake-app.ts';
import { expectProblem } from './problem.ts';
import { Scripted } from './scripted-watch.ts';

const EVENTS = '/api/coordinator/events';

let world: World;
let urls: readonly string[];
const open: EventStream[] = [];

beforeAll(async () => {
  world = await openWorld();
  const coordinators = await Promise.all(
    ['one', 'two'].map((name) => world.coordinator({ COORDINATOR_ID: name })),
  );
  urls = coordinators.map(({ url }) => url);
});
afterAll(async () => {
  for (const stream of open) stream.close();
  await world.close();
});

async function follow(url: string, lastEventId?: string): Promise<EventStream> {
  const stream = await openEvents(url, lastEventId);
  open.push(stream);
  return stream;
}

const order = async (url = ''): Promise<string> => (await submit(url)).body.saga_id;
const endOf = (id: string) => (event: ServerEvent) =>
  event.data.saga_id === id && event.data.status !== 'STARTED';
const told = (events: readonly ServerEvent[]) => events.map(({ data }) => `${data.saga_id} ${data.seq}`);
const whole = (id: string) => [1, 2, 3, 4, 5, 6].map((seq) => `${id} ${seq}`);

describe('the stream of all sagas', () => {
  it('tells at every coordinator what any of them writes', async () => {
    const streams = await Promise.all(urls.map((url) => follow(`${url}${EVENTS}`)));
    for (const { status, headers, next } of streams) {
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      expect(await next()).toMatchObject({ event: 'ready', data: {}, id: expect.stringMatching(/./) });
    }
    const id = await order(urls[0]);
    for (const stream of streams) {
      const events = await stream.until(endOf(id));
      expect(told(events)).toEqual(whole(id));
      expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['saga']));
      expect(events.at(-1)?.data).toEqual({ saga_id: id, seq: 6, state: 'completed', status: 'COMPLETED' });
    }
  });

  it('goes on behind any event, at another coordinator and across a restart, and tells each write once', async () => {
    const leaving = await world.coordinator({ COORDINATOR_ID: 'leaving' });
    const before = await follow(`${leaving.url}${EVENTS}`);
    await before.next();
    const first = await order(leaving.url);
    const seen = await before.until(endOf(first));
    expect(told(seen)).toEqual(whole(first));

    await leaving.stop();
    expect(await before.next()).toBeNull();
    const missed = await order(urls[1]);
    const back = await world.coordinator({ COORDINATOR_ID: 'leaving' });
    for (const [index, url] of [back.url, ...urls].entries()) {
      const after = await follow(`${url}${EVENTS}`, seen[index]?.id);
      expect(await after.next()).toMatchObject({ event: 'ready', id: seen[index]?.id });
      const found = await after.until(endOf(missed));
      expect(told(found)).toEqual([...whole(first).slice(index + 1), ...whole(missed)]);
    }
    const live = await order(back.url);
    for (const stream of open.slice(-3)) expect(told(await stream.until(endOf(live)))).toEqual(whole(live));
  });

  it('says that there is a gap where the position is none of this store, and goes on', async () => {
    const stream = await follow(`${urls[0]}${EVENTS}`, 'nonsense');
    expect(await stream.next()).toMatchObject({ event: 'ready' });
    const gap = await stream.next();
    expect(gap).toMatchObject({ event: 'gap', data: {}, id: expect.stringMatching(/\./) });
    const id = await order(urls[0]);
    expect(told(await stream.until(endOf(id)))).toEqual(whole(id));
    const again = await follow(`${urls[1]}${EVENTS}`, gap?.id);
    await again.next();
    expect(told(await again.until(endOf(id)))).toEqual(whole(id));
  });
});

describe('the stream of one saga', () => {
  it.each([
    ['by its path', (id: string) => `/api/coordinator/sagas/${id}/events`],
    ['by the query', (id: string) => `${EVENTS}?saga_id=${id}`],
  ])('tells of that one alone, %s', async (_, path) => {
    const all = await follow(`${urls[0]}${EVENTS}`);
    const start = await all.next();
    const [id, other] = [await order(urls[0]), await order(urls[1])];
    await all.until(endOf(other));
    const stream = await follow(`${urls[1]}${path(id)}`, start?.id);
    // How it stands by now, though what led there is told again.
    const ready = { event: 'ready', data: { saga_id: id, seq: 6, state: 'completed', status: 'COMPLETED' } };
    expect(await stream.next()).toMatchObject(ready);
    expect(told(await stream.until(endOf(id)))).toEqual(whole(id));
  });

  it('is refused where there is no such saga, and an unknown parameter too', async () => {
    expectProblem(await send(`${urls[0]}/api/coordinator/sagas/none/events`), 'saga-not-found');
    expectProblem(await send(`${urls[0]}${EVENTS}?saga=none`), 'invalid-query');
  });
});

describe('the connection', () => {
  const over = (watch: ReturnType<SagaEngine['watch']>) => appOver({ watch: () => watch }).request(EVENTS);

  it('gets a comment where nothing comes, so that proxies keep it, and the position only where it moved', async () => {
    const saga = { kind: 'saga', id: 'x', seq: 1, state: 's', status: 'STARTED', position: 'here' } as const;
    const response = await over(
      new Scripted(
        { kind: 'ready', position: 'p' },
        'nothing',
        'nothing',
        { kind: 'store', isReachable: false },
        saga,
        'nothing',
        null,
      ),
    );
    expect((await response.text()).split('\n\n')).toEqual([
      'event: ready\ndata: {}\nid: p\nretry: 2000',
      // What it was told last is not where the watch stands by now.
      ':\nid: here',
      ':',
      // It has no place in the feed.
      'event: store\ndata: {"reachable":false}',
      expect.stringMatching(/^event: saga\n.*\nid: here$/s),
      ':',
      '',
    ]);
  });

  it('tells how a saga stands only when the watch has begun, or a write in between would be lost', async () => {
    const order: string[] = [];
    const watch = new Scripted({ kind: 'ready', position: 'p' }, null);
    const next = watch.next.bind(watch);
    watch.next = async () => {
      const notice = await next();
      order.push(notice === null ? 'over' : 'begun');
      return notice;
    };
    const response = await appOver({
      watch: () => watch,
      current: async (id) => {
        order.push(`looked at ${id}`);
        return null;
      },
    }).request(`${EVENTS}?saga_id=coming`);
    expect(await response.text()).toContain('event: ready\ndata: {}\n');
    expect(order).toEqual(['begun', 'looked at coming', 'over']);
  });

  it('goes on where the store is away when it begins', async () => {
    const current = async () => {
      throw new StoreUnavailableError('away', true);
    };
    const watch = new Scripted({ kind: 'ready', position: 'p' }, null);
    const response = await appOver({ watch: () => watch, current }).request(`${EVENTS}?saga_id=x`);
    expect(await response.text()).toContain('event: ready\ndata: {}\n');
  });

  it('that its client gives up ends the watch', async () => {
    const watch = new Scripted({ kind: 'ready', position: 'p' });
    const response = await over(watch);
    await response.body?.cancel();
    await watch.closed;
  });

  it('that ends with a fault says nothing of it', async () => {
    const watch = new Scripted();
    watch.next = () => Promise.reject(new Error('secret'));
    expect(await (await over(watch)).text()).toBe('');
  });

  it('is not made for HEAD, which nobody would read', async () => {
    const watch = () => {
      throw new Error('a watch was begun');
    };
    const response = await appOver({ watch }).request(EVENTS, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  });

  it.each([
    ['full', 'too-many-watchers'],
    ['draining', 'draining'],
  ] as const)('is refused where the coordinator is %s', async (answer, type) => {
    const response = await over(answer);
    const { status, headers } = response;
    expectProblem({ status, headers: Object.fromEntries(headers), body: await response.json() }, type);
  });
});
