/** What lies in Redis, by name and by letter: stores that are there are read by it. And what is made of what cannot be read. */
import { describe, expect, it } from 'vitest';
import { bodyDigestOf } from '../../server/routes/body-digest.ts';
import { digestOf } from '../../stores/partition.ts';
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
import {
  briefOf,
  decodeKey,
  decodeLed,
  decodeLog,
  decodeMachine,
  decodeRecord,
  decodeSignals,
  decodeStatus,
  encodeCounts,
  encodeLed,
  encodeMachine,
  encodeRestingKey,
  encodeRestingMachine,
  encodeSignal,
  encodeWrite,
  idOfName,
  LISTED,
  machineBegins,
  summaryOfBrief,
} from '../../stores/redis/record.ts';
import { SAGA_STATUSES, type Signal } from '../../stores/saga-store.ts';
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

describe('a saga that rests', () => {
  const digest = digestOf('x');
  const body = bodyDigestOf('a body');

  it('has its machine and its key in fewer letters', () => {
    expect(encodeRestingMachine(ORDER)).toBe('["order","1","abc"]');
    expect(decodeMachine('["order","1","abc"]')).toEqual(ORDER);
    const key = encodeRestingKey(digest);
    expect([key.length, decodeKey(key), decodeKey(digest)]).toEqual([43, digest, digest]);
    expect([encodeRestingKey(''), decodeKey(''), encodeRestingKey('none')]).toEqual(['', '', 'none']);
  });

  it('is led to by bytes, and any other by a text', () => {
    const id = `0f-${UUID}`;
    const bytes = Buffer.concat([
      Buffer.from(UUID.replaceAll('-', ''), 'hex'),
      Buffer.from(`${body.slice(0, 20)}0f`),
    ]);
    expect([encodeLed(id, body), bytes.length]).toEqual([bytes, 38]);
    expect([encodeLed(id, 'k1.x'), encodeLed(`100-${UUID}`, body)]).toEqual(['', '']);
    expect(decodeLed(bytes, body)).toEqual({ id, isSame: true });
    for (const other of [digest, body.slice(0, 20), `k1.${body}`, body.replace(/^./, '!')])
      expect(decodeLed(bytes, other)).toEqual({ id, isSame: false });
    expect(decodeLed(Buffer.from(`${id} k1.x`), 'k1.x')).toEqual({ id, isSame: true });
    expect(decodeLed(Buffer.from(`${id} ${body}`), 'k1.x')).toEqual({ id, isSame: false });
    expect(decodeLed(Buffer.from('nonsense'), 'k1.x')).toEqual({ id: 'nonsense', isSame: false });
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
    owner: '17 b 9000',
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
      owner: { name: 'b 9000', boot: 17 },
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

  it('is read with all that is held, and with each kind of what was said to it', () => {
    const held = {
      step: 's',
      reason: 'r',
      response: { a: [1] },
      says: 'w',
      kind: 'k',
      amount: 2,
      unit: 'EUR',
    };
    const said: Signal[] = [
      { ...signal, as: 'COMPLETED' },
      { ...signal, as: 'FAILED', actor: 'user:eve', step: 's' },
      { ...signal, outcome: 'done', attempt: 2 },
      { ...signal, outcome: 'refused', name: 'n', payload: 'p', sealed: 'x' },
    ];
    const found = read({
      parked: JSON.stringify({ reason: 'r', held: [held], sealed: 'x' }),
      signals: said.map(encodeSignal).join('\n'),
    });
    expect(found).toMatchObject({ parked: { reason: 'r', sealed: 'x' }, signals: said, unreadable: null });
    expect(JSON.parse(JSON.stringify(found.parked?.held))).toEqual([held]);
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
    ['owner', 'eve 7 b', /^owner: /, { owner: null }],
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
    const bornMs = Number.parseInt(UUID.slice(0, 8) + UUID.slice(9, 13), 16);
    expect(decodeRecord(`07-${UUID}`, {})).toMatchObject({
      trace: null,
      fence: { revision: 0, writeId: '' },
      snapshot: '',
      parked: { reason: 'unreadable' },
      owner: null,
      dueAtMs: null,
      signals: [],
      createdAtMs: bornMs,
      updatedAtMs: bornMs,
    });
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
    expect(decodeLog(['x7', '7x', '12', line(late)]).map(({ seq }) => seq)).toEqual([1, 2, 15]);
    expect(log[2]?.error?.length).toBeLessThanOrEqual(500);
  });

  it('says which answers came from a ledger, and is read where a newer release says more', () => {
    const plain = entry();
    const lines = [
      { ...plain, replayed: true },
      { ...plain, newer: 1 },
      { ...plain, kind: 'compensation', answer: 'a', by: 'eve', reason: 'r', sealed: 'x' },
    ].map((one) => JSON.stringify(one));
    expect(decodeLog(lines)).toEqual([
      { ...plain, replayed: true, seq: 1 },
      { ...plain, seq: 2 },
      { ...plain, kind: 'compensation', answer: 'a', by: 'eve', reason: 'r', sealed: 'x', seq: 3 },
    ]);
  });
});
