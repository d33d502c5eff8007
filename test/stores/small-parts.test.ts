/** Parts of the store over a Redis that a test makes up: the feed, what is refused, which keys an id leads to, what codes mean. */

import { createHash } from 'node:crypto';
import type { Command } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { RedisAudit } from '../../stores/redis/audit.ts';
import type { Client } from '../../stores/redis/client.ts';
import { endOf, endsOf, heldFrom, restingAt } from '../../stores/redis/events.ts';
import { orDamaged, refusedOf, together } from '../../stores/redis/faults.ts';
import { chunked, Keyspace } from '../../stores/redis/keyspace.ts';
import { encodeMachine, encodeSignal } from '../../stores/redis/record.ts';
import {
  commitResult,
  createResult,
  isDone,
  otherEnd,
  run,
  SCRIPTS,
  signalResult,
  type WriteReply,
} from '../../stores/redis/scripts.ts';
import { StoreClock } from '../../stores/redis/store-clock.ts';
import { type Signal, StoreUnavailableError } from '../../stores/saga-store.ts';
import { ORDER } from './sagas.ts';

const client = (over: Partial<Record<keyof Client, unknown>>) => over as unknown as Client;
const UUID = '01a208f6-95e9-749d-a6b9-7e4bc3aca749';

describe('events', () => {
  const fields = (over: object = {}) =>
    Object.entries({ id: 's', seq: '14', state: 'a', status: 'STARTED', ...over }).flat();
  const at = (ms: number, n = 0) => ({ ms, n });

  it('are read from an id on, without those that cannot be read', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const bad = [{ id: '' }, { seq: 'x4' }, { seq: '4x' }, { seq: '1234567890123456' }, { status: 'BUSY' }];
    const xrange = vi.fn(async () => [
      ['5-1', fields()],
      ...bad.map((over, n) => [`6-${n}`, fields(over)]),
      ['7-0', []],
      ['7-1', fields().slice(0, 6)],
    ]);
    const found = await heldFrom(client({ xrange }), 'k', at(5, 1), 10);
    expect(found).toEqual([{ at: at(5, 1), id: 's', seq: 14, state: 'a', status: 'STARTED' }]);
    expect(warned.mock.calls.map(([words]) => words)).toEqual([
      'entry 6-0 of the events of saga  cannot be read',
      ...[1, 2, 3, 4].map((n) => `entry 6-${n} of the events of saga s cannot be read`),
      'entry 7-0 of the events of saga  cannot be read',
      'entry 7-1 of the events of saga s cannot be read',
    ]);
    expect(
      await heldFrom(client({ xrange: () => Promise.reject(new Error('WRONGTYPE x')) }), 'k', at(0), 1),
    ).toEqual([]);
    await heldFrom(client({ xrange }), 'k', at(0), 10);
    await heldFrom(client({ xrange }), 'k', at(5), 10);
    expect(xrange.mock.calls).toEqual([
      ['k', '5-1', '+', 'COUNT', 10],
      ['k', '-', '+', 'COUNT', 10],
      ['k', '5', '+', 'COUNT', 10],
    ]);
  });

  it('end with the last entry, or with none', async () => {
    const xrevrange = vi.fn(async () => [['7-2', fields()]]);
    expect(await endOf(client({ xrevrange }), 'k')).toEqual(at(7, 2));
    expect(xrevrange).toHaveBeenCalledWith('k', '+', '-', 'COUNT', 1);
    expect(await endOf(client({ xrevrange: async () => [] }), 'k')).toEqual(at(0));
    expect(
      await endOf(client({ xrevrange: async () => Promise.reject(new Error('WRONGTYPE x')) }), 'k'),
    ).toEqual(at(0));
  });

  it('rest where nothing but the named entry is told, and nowhere where they cannot be asked', async () => {
    const told = (...entries: string[]) => entries.map((id) => [id, fields()]);
    const xread = vi.fn(async () => [
      ['a', told('5-1')],
      ['b', told('5-1', '5-2')],
      ['c', told('6-0')],
      ['e', told('1-0')],
      ['g', told('9-0')],
    ]);
    const streams = [...'abcdefg'];
    const position = [at(5, 1), at(5, 1), at(5, 1), at(0), at(0), at(7), at(9)];
    expect(await restingAt(client({ xread }), streams, position)).toEqual([
      true,
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
    const most = '18446744073709551615';
    const before = ['5-0', '5-0', '5-0', '0-0', '0-0', `6-${most}`, `8-${most}`];
    expect(xread).toHaveBeenCalledWith('COUNT', 2, 'STREAMS', ...streams, ...before);
    const deaf = client({ xread: async () => Promise.reject(new Error('NOPERM')) });
    expect(await restingAt(deaf, ['a'], [at(5)])).toEqual([false]);
  });

  it('end where little has come behind what is known, and are asked where more has, or what is known is gone', async () => {
    const told = (...entries: string[]) => entries.map((id) => [id, fields()]);
    const many = Array.from({ length: 20 }, (_, n) => `5-${n + 1}`);
    const xread = vi.fn(async () => [
      ['a', told('5-1')],
      ['b', told('5-1', '8-3')],
      ['c', told(...many)],
      ['d', told('6-0')],
      ['e', told('1-0')],
    ]);
    const xrevrange = vi.fn(async () => [['9-9', fields()]]);
    const streams = [...'abcdefg'];
    const known = [at(5, 1), at(5, 1), at(5, 1), at(5, 1), at(0), at(0), at(7)];
    const ends = await endsOf(client({ xread, xrevrange }), streams, known);
    expect(ends).toEqual([at(5, 1), at(8, 3), at(9, 9), at(9, 9), at(1), at(0), at(9, 9)]);
    expect(xread).toHaveBeenCalledTimes(1);
    expect(xrevrange.mock.calls.map(([stream]: unknown[]) => stream)).toEqual(['c', 'd', 'g']);
    expect(await endsOf(client({ xrevrange }), ['a'], null)).toEqual([at(9, 9)]);
    const deaf = client({ xread: async () => Promise.reject(new Error('NOPERM')), xrevrange });
    expect(await endsOf(deaf, ['a'], [at(5)])).toEqual([at(9, 9)]);
  });
});

describe('what Redis refuses', () => {
  const busy = () => Promise.reject(new Error('BUSY Redis is busy'));
  const lost = () => Promise.reject(new Error('Connection is closed.'));
  const bug = () => Promise.reject(new Error('x is not a function'));

  it('of a key of another type is nothing, and is told', async () => {
    const told = vi.fn();
    const wrong = () => Promise.reject(new Error('WRONGTYPE Operation'));
    expect([await orDamaged(wrong(), 'instead', told), told.mock.calls.length]).toEqual(['instead', 1]);
    expect([await orDamaged(Promise.resolve('held'), 'instead', told), told.mock.calls.length]).toEqual([
      'held',
      1,
    ]);
    await expect(orDamaged(bug(), 'instead', told)).rejects.toThrow('x is not a function');
  });

  it('is told of several parts, and whether of all', async () => {
    expect(await refusedOf([Promise.resolve(1)])).toBeNull();
    expect(await refusedOf([busy(), Promise.resolve(1)])).toMatchObject({ everywhere: false });
    expect(await refusedOf([busy(), lost()])).toMatchObject({ everywhere: true, error: { notSent: true } });
    await expect(refusedOf([bug(), busy()])).rejects.toThrow('x is not a function');
    await expect(together([busy(), lost()])).rejects.toMatchObject({ notSent: false });
    await expect(together([busy(), busy()])).rejects.toThrow(/^Redis is unavailable: .*BUSY Redis is busy/);
    await expect(together([lost()])).rejects.toMatchObject({
      cause: { cause: { message: 'Connection is closed.' } },
    });
    expect(await together([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2]);
    await expect(together([busy(), bug()])).rejects.not.toBeInstanceOf(StoreUnavailableError);
  });
});

describe('the keyspace', () => {
  const layout = { partitions: 4, isSpread: false } as ConstructorParameters<typeof Keyspace>[2];
  const space = (hget: () => Promise<string | null> = async () => null) =>
    new Keyspace({ hget } as unknown as Client, 'x.', layout);

  it('begins with another partition each time, and leaves one out after each round', () => {
    const keys = space();
    const first = () => keys.partitions.indexOf(keys.inTurn()[0] as never);
    expect(Array.from({ length: 17 }, first)).toEqual([0, 1, 2, 3, 1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2, 0]);
    expect(new Set(keys.inTurn()).size).toBe(4);
    expect(() => keys.at(4)).toThrow('There is no partition 4');
    expect([keys.of(`03-${UUID}`), keys.of(`04-${UUID}`), keys.of('x')]).toEqual([keys.at(3), null, null]);
  });

  it('remembers the machine of a saga, until it is corrected or forgotten', async () => {
    const hget = vi.fn<() => Promise<string | null>>(async () => encodeMachine(ORDER));
    const keys = space(hget);
    const id = `03-${UUID}`;
    expect(keys.known(id)).toBeUndefined();
    expect([await keys.machineOf(id), await keys.machineOf(id), hget.mock.calls]).toEqual([
      'order@1',
      'order@1',
      [[`{x.p03}:saga:${id}`, 'machine']],
    ]);
    keys.correct(id, { id: 'order', version: '', structure: '' });
    keys.correct('another', ORDER);
    expect([keys.known(id), keys.known('another')]).toEqual(['order@1', undefined]);
    keys.correct(id, { ...ORDER, version: '2' });
    expect(keys.known(id)).toBe('order@2');
    keys.forget(id);
    hget.mockResolvedValueOnce(null);
    expect([await keys.machineOf(id), keys.known(id), await keys.machineOf('x')]).toEqual([
      null,
      undefined,
      null,
    ]);
  });

  it('remembers the youngest fifty thousand', () => {
    const keys = space();
    for (let n = 0; n <= 50_000; n += 1) keys.remember(String(n), 'a@1');
    expect([keys.known('0'), keys.known('1'), keys.known('50000')]).toEqual([undefined, 'a@1', 'a@1']);
  });

  it('hands over a hundred sagas at once', () => {
    const all = Array.from({ length: 201 }, (_, n) => n);
    expect(chunked(all).map(({ length }) => length)).toEqual([100, 100, 1]);
    expect([chunked(all).flat(), chunked([])]).toEqual([all, []]);
  });
});

describe('the audit', () => {
  it('that others write to each time is given up, and says that nothing was written', async () => {
    const keys = new Keyspace(client({}), 'x.', { partitions: 1, isSpread: false, before: null });
    const clock = new StoreClock(() => 0);
    const audit = new RedisAudit(client({}), keys, clock, null);
    const sent: (readonly string[])[] = [];
    const told = audit.tellWith('k', '00', [], async (args) => {
      sent.push(args);
      if (sent.length > 100) throw new Error('it is sent without end');
      return [11, 0, 0, 0];
    });
    await expect(told).rejects.toEqual(
      expect.objectContaining({
        name: 'StoreUnavailableError',
        notSent: true,
        message: 'the audit k never stands still',
      }),
    );
    expect([sent.length, sent[0]]).toEqual([100, ['', '0']]);
  });
});

describe('what a script replies', () => {
  const reply = (code: number, text?: string): WriteReply =>
    [code, 7, 500, 9_000, ...(text === undefined ? [] : [text])] as never;
  const fence = { revision: 4, writeId: 'before' };
  const granted = (revision: number) => ({ fence: { revision, writeId: 'w' }, seq: 7, remainingMs: 500 });
  const signal: Signal = { id: 'i', kind: 'retry', atMs: 5, by: 'eve', reason: 'r' };

  it('to a create', () => {
    const result = (code: number, text?: string) => createResult(reply(code, text), 'w');
    expect(result(0)).toEqual({ kind: 'created', ...granted(1) });
    expect([result(1, 's'), result(1)]).toEqual([
      { kind: 'exists', id: 's' },
      { kind: 'exists', id: '' },
    ]);
    expect([result(2, 's'), result(7)]).toEqual([{ kind: 'key-reused', id: 's' }, { kind: 'full' }]);
    expect(() => result(10)).toThrow(
      new StoreUnavailableError('The record of this idempotency key is damaged in Redis', true),
    );
    expect(() => result(3)).toThrow('create.lua returned the unknown code 3');
  });

  it('to a commit', () => {
    const result = (code: number, text?: string) => commitResult(reply(code, text), fence, 'w');
    expect(result(0)).toEqual({ kind: 'committed', ...granted(5) });
    expect([result(3), result(4)]).toEqual([{ kind: 'stale' }, { kind: 'missing' }]);
    expect(result(5, `${encodeSignal(signal)}\n`)).toEqual({ kind: 'signalled', signals: [signal] });
    expect(result(5)).toEqual({ kind: 'signalled', signals: [] });
    expect(() => result(7)).toThrow('commit.lua returned the unknown code 7');
  });

  it('to a signal', () => {
    const result = (code: number) => signalResult(reply(code));
    expect([0, 4, 6, 7, 8, 9].map(result)).toEqual([
      { kind: 'accepted' },
      { kind: 'missing' },
      { kind: 'moved', seq: 7 },
      { kind: 'full' },
      { kind: 'ended' },
      null,
    ]);
    expect(() => result(1)).toThrow('signal.lua returned the unknown code 1');
  });

  it('where the audit goes on from another end', () => {
    expect(otherEnd([11, 0, 0, 0, 'line', 'end'])).toEqual({ end: 'end', last: 'line' });
    expect([otherEnd([11, 0, 0, 0]), otherEnd([0, 0, 0, 0, 'line', 'end'])]).toEqual([
      { end: '', last: '' },
      null,
    ]);
    expect([isDone(reply(0)), isDone(reply(1))]).toEqual([true, false]);
  });

  it('is asked for by its hash, and by its text where Redis does not know it', async () => {
    const evalsha = vi.fn(async () => ['held']);
    const evaluated = vi.fn(async () => ['loaded']);
    const client = { evalsha, eval: evaluated } as unknown as Client;
    const { sha, lua } = SCRIPTS.note;
    expect(await run(client, 'note', ['k'], ['a', 'b'])).toEqual(['held']);
    expect(evalsha).toHaveBeenCalledWith(sha, 1, ['k', 'a', 'b']);
    evalsha.mockRejectedValueOnce(new Error('NOSCRIPT No matching script'));
    expect(await run(client, 'note', ['k'], ['a'])).toEqual(['loaded']);
    expect(evaluated.mock.calls).toEqual([[lua, 1, ['k', 'a']]]);
    evalsha.mockRejectedValueOnce(new Error('BUSY Redis is busy'));
    await expect(run(client, 'note', ['k'], [])).rejects.toMatchObject({ notSent: true });
    evalsha.mockRejectedValueOnce(new Error('NOSCRIPT No matching script'));
    evaluated.mockRejectedValueOnce(new Error('BUSY Redis is busy'));
    await expect(run(client, 'note', ['k'], [])).rejects.toMatchObject({ notSent: true });
    expect(evaluated.mock.calls.length).toBe(2);
  });

  it('is sent as one list, and by way of ioredis where that has more to do with it', async () => {
    const evalsha = vi.fn(async (..._: unknown[]) => ['held']);
    const sendCommand = vi.fn(async ({ name, args }: Command) => [name, ...args]);
    const { sha } = SCRIPTS.note;
    const asked = (options: object, args: (string | Buffer)[]) =>
      run({ evalsha, sendCommand, options } as unknown as Client, 'note', ['k'], args);
    expect(await asked({}, ['a', 'b'])).toEqual(['evalsha', sha, '1', 'k', 'a', 'b']);
    expect(evalsha).not.toHaveBeenCalled();
    const bytes = Buffer.from('b');
    expect(await asked({}, [bytes])).toEqual(['held']);
    expect(await asked({ keyPrefix: 'p:' }, ['a'])).toEqual(['held']);
    expect(evalsha.mock.calls).toEqual([
      [sha, 1, ['k', bytes]],
      [sha, 1, ['k', 'a']],
    ]);
  });

  it('comes of scripts that carry no comment, and of preludes only what they use', () => {
    // What stands before a prelude's functions is always carried.
    expect(SCRIPTS.create.lua).toContain('local KEY_UNREADABLE, UNLINKED = 10, 11');
    expect(SCRIPTS.create.lua).toMatch(
      /^local LOG_FIRST, .* local CAUSE_FIELDS_MAX, BUCKET_SHORT = 1500, 1100\n/,
    );
    expect(SCRIPTS.create.lua).toContain('local function clock(');
    for (const { lua, sha } of Object.values(SCRIPTS)) {
      expect(sha).toBe(createHash('sha1').update(lua).digest('hex'));
      expect(lua).not.toMatch(/^ *--/m);
      const names = [...lua.matchAll(/^local function (\w+)/gm)].map(([, name]) => name ?? '');
      for (const name of names) expect(lua.split(new RegExp(`\\b${name}\\b`)).length).toBeGreaterThan(2);
    }
  });
});
