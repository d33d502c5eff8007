/** What lies in Redis, by name and by letter: stores that are there are read by it. And what is made of what cannot be read. */
import { describe, expect, it, vi } from 'vitest';
import type { Client } from '../../stores/redis/client.ts';
import { endOf, endsOf, heldFrom, restingAt } from '../../stores/redis/events.ts';
import { orDamaged, refusedOf, together } from '../../stores/redis/faults.ts';
import {
  assertPrefix,
  clockKey,
  counterField,
  counterOf,
  declarationKeys,
  historyKey,
  machineName,
  machineOfName,
  partitionKeys,
  rootKey,
  waitedKey,
} from '../../stores/redis/keys.ts';
import { chunked, Keyspace } from '../../stores/redis/keyspace.ts';
import {
  briefOf,
  decodeLog,
  decodeMachine,
  decodeRecord,
  decodeSignals,
  decodeStatus,
  encodeCounts,
  encodeMachine,
  encodeSignal,
  encodeWrite,
  idOfName,
  LISTED,
  machineBegins,
  summaryOfBrief,
} from '../../stores/redis/record.ts';
import { SAGA_STATUSES, type Signal, StoreUnavailableError } from '../../stores/saga-store.ts';
import { A1, act, end, entry, ORDER, park, summary, wait, write } from './sagas.ts';

const UUID = '01a208f6-95e9-749d-a6b9-7e4bc3aca749';

describe('keys', () => {
  const statuses = (tag: string) =>
    Object.fromEntries(SAGA_STATUSES.map((status) => [status, `${tag}:status:${status}`]));

  it.each([
    [false, '{x.p07}'],
    [true, 'x.{p07-vw}'],
  ])('of a partition, spread or not: %s', (isSpread, tag) => {
    const keys = partitionKeys('x.', 7, isSpread);
    const plain = ['meta', 'counters', 'events', 'ended', 'sagas', 'audit', 'parked', 'compacted'];
    const own = [keys.saga('s'), keys.log('s'), keys.due('m@1'), keys.find('ab'), keys.key('d')];
    expect(keys).toMatchObject(Object.fromEntries(plain.map((name) => [name, `${tag}:${name}`])));
    expect(keys.status).toEqual(statuses(tag));
    expect(own).toEqual([
      `${tag}:saga:s`,
      `${tag}:log:s`,
      `${tag}:due:m@1`,
      `${tag}:find:ab`,
      `${tag}:key:d`,
    ]);
  });

  it('of the store', () => {
    expect([rootKey('x.'), clockKey('x.'), historyKey('x.'), waitedKey('x.')]).toEqual([
      '{x.p00}:meta',
      '{x.boots}:clock',
      '{x.boots}:history',
      '{x.boots}:waited',
    ]);
    expect(declarationKeys('x.')).toEqual({
      structures: '{x.boots}:structures',
      versions: '{x.boots}:versions',
      live: '{x.boots}:live',
    });
  });

  it.each(['{', 'a}', 'a b', '\n'])('have no prefix %j', (prefix) => {
    expect(() => assertPrefix(prefix)).toThrow(`The key prefix must not have braces or spaces: ${prefix}`);
  });

  it('name machines and counters, and are read back', () => {
    const odd = { id: 'a@b|c', version: '1%' };
    expect([machineName(odd), counterField(machineName(odd), 'x|y')]).toEqual([
      'a%40b%7Cc@1%25',
      'a%40b%7Cc|x|y',
    ]);
    expect(machineOfName(machineName(odd))).toEqual(odd);
    expect(machineOfName('a@')).toEqual({ id: 'a', version: '' });
    expect(machineOfName('@1')).toEqual({ id: '', version: '1' });
    expect(['a', '', '%@1', 'a@%'].map(machineOfName)).toEqual([null, null, null, null]);
    expect(counterOf('a%40b%7Cc|x|y')).toEqual({ machine: 'a@b|c', counter: 'x|y' });
    expect(counterOf('|x')).toEqual({ machine: '', counter: 'x' });
    expect(['x', '%|x'].map(counterOf)).toEqual([null, null]);
    expect([idOfName(machineName(odd)), idOfName('none')]).toEqual(['a@b|c', 'none']);
    expect(machineBegins('a@1')).toBe('{"id":"a","version":"1"');
  });
});

describe('a record', () => {
  const signal: Signal = { id: 'i', kind: 'cancel', atMs: 5, by: 'eve', reason: 'r' };
  const good = {
    machine: encodeMachine(ORDER),
    trace: '00',
    revision: '3',
    write_id: 'w',
    snapshot: '{}',
    summary: encodeWrite('order@1', write())[2] ?? '',
    state: 'a.calling',
    status: 'STARTED',
    parked: '',
    seq: '4',
    created: '10',
    updated: '20',
    owner: '7 b 9000',
    due: '30',
    cause: 'k-1\nmore',
    parkings: '2',
    signals: `${encodeSignal(signal)}\n`,
  };
  const read = (over: Record<string, string | undefined>) => {
    const hash = Object.entries({ ...good, ...over }).filter(([, value]) => value !== undefined);
    return decodeRecord(`07-${UUID}`, Object.fromEntries(hash) as Record<string, string>);
  };
  const { state, ...brief } = summary();

  it('is read as it lies there', () => {
    expect(read({})).toEqual({
      id: `07-${UUID}`,
      machine: ORDER,
      trace: '00',
      fence: { revision: 3, writeId: 'w' },
      snapshot: '{}',
      summary: { state: 'a.calling', ...brief },
      status: 'STARTED',
      parked: null,
      seq: 4,
      createdAtMs: 10,
      updatedAtMs: 20,
      owner: { name: 'b 9000', boot: 7 },
      dueAtMs: 30,
      signals: [signal],
      parkings: 2,
      cause: 'k-1',
      unreadable: null,
    });
    expect(LISTED).toEqual([
      'machine',
      'revision',
      'write_id',
      'summary',
      'state',
      'status',
      'parked',
      'seq',
      'created',
      'updated',
      'owner',
      'due',
    ]);
  });

  it('may lack what is written later', () => {
    const old = read({
      trace: undefined,
      cause: undefined,
      parkings: undefined,
      signals: undefined,
      owner: '',
      due: '',
    });
    expect(old).toMatchObject({ trace: null, owner: null, dueAtMs: null, signals: [], unreadable: null });
    expect(['cause' in old, 'parkings' in old]).toEqual([false, false]);
    expect('parkings' in read({ parkings: 'x' })).toBe(false);
  });

  it.each<[string, string, RegExp, object]>([
    ['machine', '{', /^machine: not JSON$/, { machine: { id: 'unreadable', version: '', structure: '' } }],
    ['machine', '{"id":"order"}', /^machine: /, {}],
    ['revision', '-1', /^revision: no whole number$/, { fence: { revision: 0, writeId: 'w' } }],
    ['revision', '1234567890123456', /^revision: no whole number$/, {}],
    ['seq', '4x', /^seq: no whole number$/, { seq: 0 }],
    [
      'summary',
      '{}',
      /^summary: /,
      { summary: { ...brief, state, label: null, steps_completed: 0, total_steps: 0 } },
    ],
    ['status', 'BUSY', /^status: /, { status: 'ABORTED' }],
    ['parked', '{', /^parked: /, { parked: { reason: 'unreadable', held: [{}] } }],
    ['owner', 'eve', /^owner: /, { owner: null }],
    ['due', 'x', /^due: /, { dueAtMs: null }],
    ['created', '', /^created: no whole number$/, {}],
  ])('whose %s is %j stands all the same, and says so', (field, text, why, instead) => {
    const found = read({ [field]: text });
    expect(found.unreadable).toMatch(why);
    const { summary: shown, ...others } = instead as { summary?: object };
    expect(found).toMatchObject(others);
    if (shown) expect(found.summary).toEqual({ ...shown, state: 'a.calling' });
    // Nothing else of it is lost.
    expect(found.snapshot).toBe('{}');
  });

  it('says all that it lacks, shortly, behind what was known before', () => {
    const {
      unreadable,
      status,
      state: at,
    } = { ...decodeRecord(`07-${UUID}`, {}, 'FAILED', 'before; '), state: '' };
    expect(unreadable).toMatch(
      /^before; machine: it is missing; revision: it is missing; .*updated: it is missing/,
    );
    expect([status, at, decodeRecord(`07-${UUID}`, {}).summary.state]).toEqual(['FAILED', '', 'unreadable']);
    expect(decodeRecord(`07-${UUID}`, {}, 'FAILED', 'x'.repeat(600)).unreadable?.length).toBe(500);
    expect(read({ signals: 'x\n' }).unreadable).toBe('signals: not all can be read');
  });

  it('keeps a signal that cannot be read in its place', () => {
    const lost = { id: 'unreadable', kind: 'unreadable', atMs: 0, by: '', reason: '' };
    expect(decodeSignals(`x\n\n${encodeSignal(signal)}\n`)).toEqual([lost, signal]);
    expect(decodeSignals('')).toEqual([]);
    expect(encodeSignal({ ...signal, step: 'a' })).toBe(
      '{"id":"i","kind":"cancel","atMs":5,"by":"eve","reason":"r","step":"a"}',
    );
    expect([decodeStatus('FAILED'), decodeStatus('x')]).toEqual(['FAILED', 'ABORTED']);
    expect(decodeMachine('x')).toEqual({ id: 'unreadable', version: '', structure: '' });
  });

  it('is in brief what its summary is', () => {
    const text = good.summary;
    expect(briefOf(text)).toBe('["o-1",2,5,null,null]');
    expect(JSON.parse(summaryOfBrief(briefOf(text) ?? '') ?? '')).toEqual(JSON.parse(text));
    const sealed = { label: 'l', hash: 'h' };
    const whole =
      encodeWrite(
        'order@1',
        write({ summary: summary({ sealed, failed_step: 'a', failed_step_index: 1 }) }),
      )[2] ?? '';
    expect(briefOf(whole)).toBe('["o-1",2,5,"a",1,{"label":"l","hash":"h"}]');
    expect(JSON.parse(summaryOfBrief(briefOf(whole) ?? '') ?? '')).toEqual(JSON.parse(whole));
    expect([briefOf('{}'), briefOf('x'), summaryOfBrief('[]'), summaryOfBrief('x')]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  it('is written in the order of the script', () => {
    const parts = (over: Parameters<typeof write>[0]) =>
      encodeWrite('order@1', write({ writeId: 'w', ...over })).slice(3);
    const one = JSON.stringify(entry());
    const at = 'processingPayment';
    expect(parts({ next: act(1) })).toEqual([
      at,
      one,
      'STARTED',
      '60000',
      `${A1.boot} ${A1.name}`,
      '',
      '',
      '',
    ]);
    expect(parts({ next: wait(1), earlier: [entry()] })).toEqual([
      at,
      `${one}\n${one}`,
      'STARTED',
      '60000',
      '',
      '',
      '',
      '',
    ]);
    expect(parts({ next: end('FAILED', 1) })).toEqual([at, one, 'FAILED', '60000', '', '', '', '']);
    const [, , status, , owner, parked, own, other] = parts({ next: park });
    expect([status, owner, JSON.parse(parked ?? '')]).toEqual([
      'ABORTED',
      '',
      park.kind === 'park' && park.parked,
    ]);
    expect([own, other].every((cause) => cause?.split('\n')[1]?.startsWith('order '))).toBe(true);
    expect(encodeCounts('order@1', { counts: { a: 1, b: -2 } })).toEqual(['order|a', '1', 'order|b', '-2']);
  });

  it('has a log in which each line keeps its number', () => {
    const line = (at: string) => JSON.stringify(entry({ at }));
    const [late, later] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
    const log = decodeLog(['x', line(late), '3', '{}', line(later)]);
    expect(log.map(({ seq, at, event }) => [seq, at, event])).toEqual([
      [1, '1970-01-01T00:00:00.000Z', 'unreadable'],
      [2, late, 'stepDone'],
      [6, late, 'unreadable'],
      [7, later, 'stepDone'],
    ]);
    expect(log[0]).toMatchObject({
      from: null,
      step: null,
      kind: null,
      attempt: null,
      outcome: null,
      duration_ms: null,
      to: '',
    });
    expect(log[0]?.error).toContain('not JSON');
    expect(log[2]?.error?.length).toBeLessThanOrEqual(500);
  });
});

describe('events', () => {
  const fields = (over: object = {}) =>
    Object.entries({ id: 's', seq: '4', state: 'a', status: 'STARTED', ...over }).flat();
  const client = (over: Partial<Record<keyof Client, unknown>>) => over as unknown as Client;
  const at = (ms: number, n = 0) => ({ ms, n });

  it('are read from an id on, without those that cannot be read', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const bad = [{ id: '' }, { seq: 'x' }, { seq: '1234567890123456' }, { status: 'BUSY' }];
    const xrange = vi.fn(async () => [['5-1', fields()], ...bad.map((over, n) => [`6-${n}`, fields(over)])]);
    const found = await heldFrom(client({ xrange }), 'k', at(5, 1), 10);
    expect(found).toEqual([{ at: at(5, 1), id: 's', seq: 4, state: 'a', status: 'STARTED' }]);
    expect(warned.mock.calls.map(([words]) => words)).toEqual([
      'entry 6-0 of the events of saga  cannot be read',
      ...[1, 2, 3].map((n) => `entry 6-${n} of the events of saga s cannot be read`),
    ]);
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
