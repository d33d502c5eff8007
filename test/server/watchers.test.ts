/** What one more watcher costs, in counts: texts that are written out, chunks that are written, and what waits for a slow one. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { quiet, VirtualClock } from '../engine/virtual-clock.ts';
import { SETTINGS, World } from '../engine/world.ts';
import { appOver } from './fake-app.ts';
import { expectProblem } from './problem.ts';
import { Scripted } from './scripted-watch.ts';

const EVENTS = '/api/coordinator/events';
const WATCHERS = 50;
/** Of an order that succeeds. */
const WRITES = 6;
const STALLED_MS = 60_000;

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function watched() {
  const world = new World();
  const a = await world.coordinator('a', { watchersMax: WATCHERS });
  const app = appOver(a.engine);
  const open = async (query = ''): Promise<Reader> => {
    const { status, body } = await app.request(EVENTS + query);
    expect(status).toBe(200);
    return (body as ReadableStream<Uint8Array>).getReader();
  };
  /** The next chunk of each, of all of which something was told within a poll. */
  const chunksOf = async (readers: readonly Reader[]): Promise<(Uint8Array | undefined)[]> => {
    const read = readers.map((reader) => reader.read());
    await world.clock.pass(SETTINGS.watchPollMs);
    return (await Promise.all(read)).map(({ value }) => value);
  };
  return { world, a, app, open, chunksOf };
}

const eventsIn = (chunk: Uint8Array | undefined) =>
  new TextDecoder().decode(chunk).match(/^event: \w+$/gm) ?? [];
const sagas = (count: number) => Array(count).fill('event: saga');
/** Of what is written out for them. */
const isEvent = ([value]: readonly unknown[]) =>
  value !== null && typeof value === 'object' && 'saga_id' in value && 'seq' in value;

afterEach(() => vi.restoreAllMocks());

describe(`${WATCHERS} watchers`, () => {
  it('of all sagas are given the same bytes, all events in one chunk, each written out once', async () => {
    const { world, a, open, chunksOf } = await watched();
    const readers = await Promise.all(Array.from({ length: WATCHERS }, () => open()));
    await chunksOf(readers);
    const written = vi.spyOn(JSON, 'stringify');
    await world.start(a);
    await world.start(a);
    const chunks = await chunksOf(readers);
    expect(written.mock.calls.filter(isEvent)).toHaveLength(2 * WRITES);
    expect(new Set(chunks).size).toBe(1);
    expect(eventsIn(chunks[0])).toEqual(sagas(2 * WRITES));
    await Promise.all(readers.map((reader) => reader.cancel()));
  });

  it('of all sagas and of one share the texts of events', async () => {
    const { world, a, open, chunksOf } = await watched();
    const usual = world.participants;
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world.participants = (made) => answered.then(() => usual(made));
    const id = await world.start(a);
    const readers = await Promise.all(['', '', `?saga_id=${id}`, `?saga_id=${id}`].map(open));
    await chunksOf(readers);
    const written = vi.spyOn(JSON, 'stringify');
    answer();
    const other = await world.start(a);
    const chunks = await chunksOf(readers);
    const [all, , one] = chunks;
    expect(chunks).toEqual([all, all, one, one]);
    expect(new Set(chunks).size).toBe(2);
    expect(new TextDecoder().decode(one)).not.toContain(other);
    expect(written.mock.calls.filter(isEvent)).toHaveLength(eventsIn(all).length);
    await Promise.all(readers.map((reader) => reader.cancel()));
  });

  it('are as many as may: one more is refused, and no order is', async () => {
    const { world, a, app, open } = await watched();
    const readers = await Promise.all(Array.from({ length: WATCHERS }, () => open()));
    const refused = await app.request(EVENTS);
    expectProblem(
      { status: refused.status, headers: Object.fromEntries(refused.headers), body: await refused.json() },
      'too-many-watchers',
    );
    const id = await world.start(a);
    expect((await a.engine.get(id))?.saga.status).toBe('COMPLETED');
    await Promise.all(readers.map((reader) => reader.cancel()));
    expect((await app.request(EVENTS, { method: 'GET' })).status).toBe(200);
  });
});

describe('whoever does not read', () => {
  const ready = { kind: 'ready', position: 'p' } as const;
  const saga = { kind: 'saga', id: 'x', seq: 1, state: 's', status: 'STARTED', position: 'q' } as const;
  const over = async (watch: Scripted) => {
    const clock = new VirtualClock();
    const app = appOver({ watch: () => watch }, undefined, undefined, undefined, undefined, undefined, clock);
    const { body } = await app.request(EVENTS);
    return { clock, reader: (body as ReadableStream<Uint8Array>).getReader() };
  };

  it('is given nothing ahead', async () => {
    const watch = new Scripted(ready, saga, saga, saga);
    const { reader } = await over(watch);
    await quiet();
    expect(watch.asked).toBe(0);
    await reader.read();
    await quiet();
    expect(watch.asked).toBe(1);
    await reader.cancel();
  });

  it('is told when to come back where too much has come, and the stream ends', async () => {
    const watch = new Scripted(ready, 'late');
    const { reader, clock } = await over(watch);
    await reader.read();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(':\nretry: 2000\n\n');
    expect((await reader.read()).done).toBe(true);
    await watch.closed;
    expect(clock.pending).toBe(0);
  });

  it('for a minute loses its place, and who only hears nothing does not', async () => {
    const [stalled, still] = [new Scripted(ready, saga), new Scripted(ready)];
    const { reader, clock } = await over(stalled);
    await reader.read();
    await clock.pass(STALLED_MS);
    await stalled.closed;
    const other = await over(still);
    await other.reader.read();
    const next = other.reader.read();
    await other.clock.pass(2 * STALLED_MS);
    expect(still.isClosed).toBe(false);
    await other.reader.cancel();
    await next;
    expect(other.clock.pending).toBe(0);
  });
});
