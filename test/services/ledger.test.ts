import { beforeEach, describe, expect, it } from 'vitest';
import { Book } from '../../services-stub/book.ts';
import { type Call, Journal } from '../../services-stub/journal.ts';
import { Ledger, type Performed } from '../../services-stub/ledger.ts';
import { eventually } from './simulated-means.ts';

const call = (kind: Call['kind'] = 'action', sagaId = 'saga-1'): Call => ({
  kind,
  sagaId,
  step: 'payment',
  attempt: 1,
  idempotencyKey: `${sagaId}:payment:${kind}`,
  traceparent: null,
  faults: [],
});

let journal: Journal;
let performed: number;
const outcomes = () => journal.entries().map(({ outcome, status }) => `${outcome} ${status}`);
const answering = (status: number) => async (): Promise<Performed<string>> => {
  performed += 1;
  return { answer: { status, body: {} }, effect: status < 300 ? 'effect' : null };
};

beforeEach(() => {
  let seq = 0;
  performed = 0;
  journal = new Journal({ service: 'payment', now: () => 0, nextSeq: () => ++seq });
});

describe('what the ledger keeps', () => {
  it.each([408, 425, 429, 500, 502, 503, 504])('never %i: the retry is performed', async (status) => {
    const ledger = new Ledger<string>(journal);
    expect((await ledger.action(call(), answering(status))).outcome).toBe('failed');
    expect((await ledger.action(call(), answering(201))).outcome).toBe('performed');
    expect(performed).toBe(2);
  });

  it.each([200, 201, 400, 402, 404, 409, 422])('always %i: the retry is replayed', async (status) => {
    const ledger = new Ledger<string>(journal);
    await ledger.action(call(), answering(status));
    expect(await ledger.action(call(), answering(201))).toMatchObject({
      outcome: 'replayed',
      answer: { status },
    });
    expect(performed).toBe(1);
  });

  it('not an action that threw', async () => {
    const ledger = new Ledger<string>(journal);
    const broken = ledger.action(call(), () => Promise.reject(new Error('disk full')));
    await expect(broken).rejects.toThrow('disk full');
    await ledger.action(call(), answering(201));
    expect(outcomes()).toEqual(['failed 500', 'performed 201']);
  });

  it('not a compensation that threw: it is tried again', async () => {
    const ledger = new Ledger<string>(journal);
    await ledger.action(call(), answering(201));
    const broken = ledger.compensation(call('compensation'), () => Promise.reject(new Error('disk full')));
    await expect(broken).rejects.toThrow('disk full');
    await ledger.compensation(call('compensation'), async (effect) => ({ undid: effect }));
    expect(outcomes()).toEqual(['performed 201', 'failed 500', 'performed 200']);
  });

  it('hands the compensation what the action did', async () => {
    const ledger = new Ledger<string>(journal);
    await ledger.action(call(), answering(201));
    const { answer } = await ledger.compensation(call('compensation'), async (effect) => ({ undid: effect }));
    expect(answer.body).toEqual({ undid: 'effect' });
  });
});

describe('one at a time', () => {
  it('performs one of many that come together', async () => {
    const ledger = new Ledger<string>(journal);
    await Promise.all(Array.from({ length: 10 }, () => ledger.action(call(), answering(201))));
    expect(performed).toBe(1);
    expect(ledger.waiting).toBe(0);
  });

  it('does not let one saga wait for another', async () => {
    const ledger = new Ledger<string>(journal);
    let finish = () => {};
    const slow = ledger.action(call('action', 'slow'), () => {
      const gate = new Promise<void>((resolve) => {
        finish = resolve;
      });
      return gate.then(answering(201));
    });
    expect((await ledger.action(call('action', 'quick'), answering(201))).outcome).toBe('performed');
    finish();
    await slow;
    expect(journal.entries().map(({ saga_id }) => saga_id)).toEqual(['quick', 'slow']);
  });

  it('sends away one call too many, to come again', async () => {
    const ledger = new Ledger<string>(journal, { presentMax: 2 });
    const [first, second, third] = await Promise.all([
      ledger.action(call(), answering(201)),
      ledger.action(call(), answering(201)),
      ledger.action(call(), answering(201)),
    ]);
    expect([first.outcome, second.outcome, third.outcome]).toEqual(['performed', 'replayed', 'failed']);
    expect(third.answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect((await ledger.action(call(), answering(201))).outcome).toBe('replayed');
  });
});

describe('bounds', () => {
  it('a book forgets its oldest entries, counts them, and spares those in use', () => {
    const book = new Book<number>({ entriesMax: 10, mayForget: (entry) => entry !== 1 });
    for (let entry = 1; entry <= 12; entry++) book.put(String(entry), entry);
    expect([...book.values()]).toEqual([1, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(book.forgotten).toBe(2);
    expect(book.newest(2)).toEqual([12, 11]);
  });

  it('the ledger spares the account of a running action', async () => {
    const ledger = new Ledger<string>(journal, { accountsMax: 2 });
    let finish = () => {};
    let started = false;
    const running = ledger.action(call('action', 'running'), () => {
      started = true;
      const gate = new Promise<void>((resolve) => {
        finish = resolve;
      });
      return gate.then(answering(201));
    });
    await eventually(() => started);
    for (const saga of ['a', 'b', 'c', 'd']) await ledger.action(call('action', saga), answering(201));
    const duplicate = ledger.action(call('action', 'running'), answering(201));
    finish();
    expect((await running).outcome).toBe('performed');
    expect((await duplicate).outcome).toBe('replayed');
  });
});
