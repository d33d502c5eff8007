/** Every row of the table in docs/participants.md, for each ledger. */
import { expect, it } from 'vitest';
import {
  type Answer,
  createParticipant,
  done,
  type Ledger,
  type LedgerOptions,
  later,
  refused,
  type Work,
} from '../../participant/index.ts';

/** A ledger, empty, and effects that are kept where it is kept. */
export interface Bench<Tx> {
  readonly ledger: Ledger<Tx>;
  readonly happens: (tx: Tx) => unknown;
  readonly effects: () => number | Promise<number>;
}

export const BODY = { amount: 12, to: { city: 'Paris', zip: '75001' } };

export function call(sagaId: string, kind: 'action' | 'compensation', body: unknown = BODY): Request {
  return new Request('http://participant/pay', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Idempotency-Key': `${sagaId}:payment:${kind}`,
      'Saga-Id': sagaId,
      'Saga-Step': 'payment',
      'Saga-Attempt': '1',
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export function question(sagaId: string, step = 'payment'): Request {
  const query = new URLSearchParams({ saga_id: sagaId, step });
  return new Request(`http://participant/stands?${query}`, {
    headers: { 'Saga-Id': sagaId, 'Saga-Step': step },
  });
}

/** One whose caller waits for so long. */
function waiting(request: Request, ms: number): Request {
  request.headers.set('Saga-Timeout-Ms', String(ms));
  return request;
}

async function read(answering: Promise<Response>) {
  const response = await answering;
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? null : JSON.parse(text),
    isReplay: response.headers.get('idempotent-replayed') === 'true',
  };
}

/** @param takesBack whether what was done by `tx` is undone where nothing may stand */
export function holdsTheTable<Tx>(
  open: (options?: LedgerOptions) => Promise<Bench<Tx>>,
  { takesBack }: { takesBack: boolean },
): void {
  /** A participant whose answers are given one by one; `done` where none is left. */
  async function started(answers: (Answer | Error)[] = [], options?: LedgerOptions) {
    const bench = await open(options);
    const undone: unknown[] = [];
    let performed = 0;
    const work: Work<Tx> = {
      async perform({ tx }) {
        performed += 1;
        await bench.happens(tx);
        const answer = answers.shift() ?? done({ payment_id: `pay_${performed}` }, { status: 201 });
        if (answer instanceof Error) throw answer;
        return answer;
      },
      undo({ answer }) {
        undone.push(answer);
        return done({ refunded: true });
      },
    };
    const participant = createParticipant(bench.ledger, work);
    return {
      ...bench,
      undone,
      performed: () => performed,
      action: (sagaId = 's1', body: unknown = BODY) => read(participant.action(call(sagaId, 'action', body))),
      compensation: (sagaId = 's1', body: unknown = BODY) =>
        read(participant.compensation(call(sagaId, 'compensation', body))),
      stands: async (sagaId = 's1') => (await read(participant.ask(question(sagaId)))).body,
    };
  }

  /** One whose `perform` has begun, and goes on when it is let. */
  async function held(options?: LedgerOptions) {
    const { ledger } = await open(options);
    let let_ = () => {};
    const gate = new Promise<void>((resolve) => {
      let_ = resolve;
    });
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let performed = 0;
    const participant = createParticipant(ledger, {
      async perform() {
        performed += 1;
        begin();
        await gate;
        return done({ payment_id: `pay_${performed}` });
      },
      undo: ({ answer }) => done({ undid: answer }),
    });
    const first = read(participant.action(call('s1', 'action')));
    await begun;
    return { participant, first, go: let_, performed: () => performed };
  }

  it('performs an action of which it knows nothing, and says the same again to a repeat', async () => {
    const { action, effects } = await started();
    const first = await action();
    expect(first).toEqual({ status: 201, body: { payment_id: 'pay_1' }, isReplay: false });
    expect(await action()).toEqual({ ...first, isReplay: true });
    expect(await effects()).toBe(1);
    expect(await action('s2')).toMatchObject({ body: { payment_id: 'pay_2' } });
  });

  it('keeps a refusal, and what it did before it refused is taken back', async () => {
    const { action, compensation, effects, performed, undone } = await started([refused('no funds')]);
    const first = await action();
    expect(first).toMatchObject({ status: 422, body: { type: 'refused', detail: 'no funds' } });
    expect(await action()).toEqual({ ...first, isReplay: true });
    expect(performed()).toBe(1);
    if (takesBack) expect(await effects()).toBe(0);
    expect(await compensation()).toMatchObject({ status: 200, body: { status: 'nothing-to-undo' } });
    expect(undone).toEqual([]);
  });

  it('undoes what was done, once, by what it answered', async () => {
    const { action, compensation, undone } = await started();
    await action();
    const first = await compensation();
    expect(first).toEqual({ status: 200, body: { refunded: true }, isReplay: false });
    // After a 413 the same compensation comes with less in it.
    expect(await compensation('s1', {})).toEqual({ ...first, isReplay: true });
    expect(undone).toEqual([{ payment_id: 'pay_1' }]);
    expect(await action()).toMatchObject({ status: 409, body: { type: 'action-blocked' } });
  });

  it('notes a compensation that comes first, and refuses the late action', async () => {
    const { action, compensation, performed, undone } = await started();
    const first = await compensation();
    expect(first).toMatchObject({ status: 200, isReplay: false });
    expect(await action()).toMatchObject({ status: 409, body: { type: 'action-blocked' } });
    expect(await compensation()).toEqual({ ...first, isReplay: true });
    expect([performed(), undone]).toEqual([0, []]);
  });

  it('says what stands, in the words of its ledger, and nothing changes by that', async () => {
    const { action, compensation, stands, performed, undone, effects } = await started([
      done({ payment_id: 'pay_1' }),
      refused('no funds'),
    ]);
    const unknown = { state: 'unknown', action: null, compensation: null };
    expect(await stands()).toEqual(unknown);
    // It was asked about, and may be performed all the same.
    await action();
    const performedAnswer = { status: 200, body: { payment_id: 'pay_1' } };
    expect(await stands()).toEqual({ state: 'done', action: performedAnswer, compensation: null });
    expect(await stands()).toMatchObject({ state: 'done' });
    expect([performed(), undone, await effects()]).toEqual([1, [], 1]);
    await compensation();
    expect(await stands()).toEqual({
      state: 'undone',
      action: performedAnswer,
      compensation: { status: 200, body: { refunded: true } },
    });
    await action('s2');
    // It was refused for good, so nothing stands of it, or ever will.
    expect(await stands('s2')).toMatchObject({
      state: 'undone',
      action: { status: 422 },
      compensation: null,
    });
    await compensation('s3');
    expect(await stands('s3')).toMatchObject({
      state: 'undone',
      action: null,
      compensation: { status: 200 },
    });
  });

  it('asks the service where it was told how, whether somebody has undone it by hand', async () => {
    const { ledger, happens, effects } = await open();
    const byHand = new Set<string>();
    const asked: unknown[] = [];
    const participant = createParticipant(ledger, {
      perform: () => done({ payment_id: 'pay_1' }),
      undo: () => done(),
      async isUndone({ sagaId, step, answer, tx }) {
        asked.push([sagaId, step, answer]);
        if (takesBack) await happens(tx);
        return byHand.has(sagaId);
      },
    });
    const stands = async () => (await read(participant.ask(question('s1')))).body.state;
    expect(await stands()).toBe('unknown');
    await participant.action(call('s1', 'action'));
    expect(await stands()).toBe('done');
    byHand.add('s1');
    expect(await stands()).toBe('undone');
    await participant.compensation(call('s1', 'compensation'));
    expect(await stands()).toBe('undone');
    // Of what it never did, or has undone itself, the ledger alone knows.
    expect(asked).toEqual(Array(2).fill(['s1', 'payment', { payment_id: 'pay_1' }]));
    expect(await effects()).toBe(0);
  });

  it('answers a question only when the call that is under way has settled', async () => {
    const { participant, first, go } = await held();
    const asked = read(participant.ask(question('s1')));
    go();
    await first;
    expect(await asked).toMatchObject({ status: 200, body: { state: 'done' } });
  });

  it('says 503 to a question that would have to wait too long', async () => {
    const { participant, first, go } = await held({ lockMs: 1 });
    expect((await participant.ask(question('s1'))).status).toBe(503);
    go();
    await first;
  });

  it('lets duplicates and the compensation wait for an action in progress', async () => {
    const { participant, first, go, performed } = await held();
    const second = read(participant.action(call('s1', 'action')));
    const undo = read(participant.compensation(call('s1', 'compensation')));
    go();
    expect(await first).toMatchObject({ status: 200, isReplay: false });
    const repeated = await second;
    // Which of the two comes next is the lock's to choose.
    if (repeated.status !== 409) expect(repeated).toEqual({ ...(await first), isReplay: true });
    expect(await undo).toMatchObject({ status: 200, body: { undid: { payment_id: 'pay_1' } } });
    expect(performed()).toBe(1);
  });

  it('says 503 to who would have to wait too long', async () => {
    const { participant, first, go } = await held({ lockMs: 1 });
    const busy = await participant.action(call('s1', 'action'));
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await participant.compensation(call('s1', 'compensation'))).status).toBe(503);
    go();
    expect(await first).toMatchObject({ status: 200 });
    expect(await read(participant.action(call('s1', 'action')))).toEqual({
      ...(await first),
      isReplay: true,
    });
  });

  it('does not begin an action whose caller has given up while it waited for its turn, and undoes all the same', async () => {
    const { ledger, happens, effects } = await open();
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let answer = (_: Answer) => {};
    const answers = [
      new Promise<Answer>((resolve) => {
        answer = resolve;
      }),
    ];
    const participant = createParticipant(ledger, {
      async perform({ tx }) {
        begin();
        const given = (await answers.shift()) ?? done({ payment_id: 'pay_1' });
        await happens(tx);
        return given;
      },
      async undo({ tx }) {
        await happens(tx);
        return done();
      },
    });
    const first = participant.action(call('s1', 'action'));
    await begun;
    const second = participant.action(waiting(call('s1', 'action'), 1));
    const third = participant.action(waiting(call('s1', 'action'), 3_600_000));
    const saidAt = performance.now();
    while (performance.now() < saidAt + 2) await new Promise(setImmediate);
    answer(later('the bank is closed'));
    expect((await first).status).toBe(503);
    const late = await second;
    const kept = await third;
    // Whichever came first: where the one that is waited for did, the other is told the same.
    if (late.status === 503) expect(late.headers.get('retry-after')).toBe('1');
    else expect(late.headers.get('idempotent-replayed')).toBe('true');
    expect(kept.status).toBe(200);
    expect(await effects()).toBe(takesBack ? 1 : 2);
    expect((await participant.compensation(waiting(call('s1', 'compensation'), 0))).status).toBe(204);
    expect((await participant.action(waiting(call('s2', 'action'), 0))).status).toBe(503);
    expect((await read(participant.action(call('s2', 'action')))).isReplay).toBe(false);
  });

  it('undoes once where compensations come at once', async () => {
    const { ledger, happens, effects } = await open();
    const participant = createParticipant(ledger, {
      perform: () => done({ payment_id: 'pay_1' }),
      async undo({ tx }) {
        await happens(tx);
        return done({ refunded: true });
      },
    });
    await participant.action(call('s1', 'action'));
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => read(participant.compensation(call('s1', 'compensation')))),
    );
    expect(answers.map(({ body }) => body)).toEqual(Array(8).fill({ refunded: true }));
    expect(answers.filter(({ isReplay }) => isReplay)).toHaveLength(7);
    expect(await effects()).toBe(1);
  });

  it('tells of each call what became of it, once it is kept', async () => {
    const told: string[] = [];
    const answers = [later('not yet'), done({ payment_id: 'p1' })];
    const undos = [refused('it has left'), done()];
    const { ledger } = await open();
    const participant = createParticipant(
      ledger,
      { perform: () => answers.shift() ?? refused('no funds'), undo: () => undos.shift() ?? done() },
      {
        onSettled: ({ sagaId, step, attempt, idempotencyKey, outcome, answer }) => {
          expect([step, attempt, idempotencyKey.startsWith(`${sagaId}:payment:`)]).toEqual([
            'payment',
            1,
            true,
          ]);
          told.push(`${sagaId} ${outcome} ${answer.status}`);
        },
      },
    );
    for (const [sagaId, kind] of [
      ...['action', 'action', 'action', 'compensation', 'compensation', 'action'].map((kind) => ['a', kind]),
      ...['action', 'action', 'compensation', 'compensation'].map((kind) => ['b', kind]),
    ] as ['a' | 'b', 'action' | 'compensation'][])
      await participant[kind](call(sagaId, kind));
    await participant.action(call('b', 'action', '{'));
    expect(told).toEqual([
      ...[
        'a failed 503',
        'a performed 200',
        'a replayed 200',
        'a refused 422',
        'a performed 204',
        'a blocked 409',
      ],
      ...['b refused 422', 'b replayed 422', 'b nothing-to-undo 200', 'b replayed 200'],
    ]);
  });

  it('performs eight duplicates at once as one', async () => {
    const { action, effects } = await started();
    const answers = await Promise.all(Array.from({ length: 8 }, () => action()));
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body])))).toEqual(
      new Set(['[201,{"payment_id":"pay_1"}]']),
    );
    expect(answers.filter(({ isReplay }) => isReplay)).toHaveLength(7);
    expect(await effects()).toBe(1);
  });

  it.each([200, 204, 400, 402, 404, 409, 422])('keeps %i', async (status) => {
    const { action, performed } = await started([{ status, body: null }]);
    expect(await action()).toMatchObject({ status, isReplay: false });
    expect(await action()).toMatchObject({ status, isReplay: true });
    expect(performed()).toBe(1);
  });

  it.each([
    ['later', later('the bank is closed', 7), 503] as const,
    ['a 5xx', done({}, { status: 500 }), 500] as const,
    ...[408, 425, 429].map((status) => [`${status}`, refused('slower', { status }), status] as const),
  ])('keeps no row of %s', async (_, answer, status) => {
    const { action, effects } = await started([answer]);
    expect(await action()).toMatchObject({ status });
    if (takesBack) expect(await effects()).toBe(0);
    expect(await action('s1', { amount: 13 })).toMatchObject({ status: 201, isReplay: false });
  });

  it('keeps no row where it threw', async () => {
    const { action, effects, performed } = await started([new Error('a bug')]);
    await expect(action()).rejects.toThrow('a bug');
    if (takesBack) expect(await effects()).toBe(0);
    expect(await action()).toMatchObject({ status: 201, isReplay: false });
    expect(performed()).toBe(2);
  });

  it('refuses another body under the same key, in whatever order its fields stand', async () => {
    const { action, performed } = await started();
    await action();
    expect(await action('s1', { ...BODY, amount: 13 })).toMatchObject({
      status: 422,
      body: { type: 'idempotency-key-reused' },
    });
    expect(await action('s1', { to: { zip: '75001', city: 'Paris' }, amount: 12 })).toMatchObject({
      status: 201,
      isReplay: true,
    });
    expect(performed()).toBe(1);
  });

  it('tries to undo again what could not be undone', async () => {
    const { ledger, happens, effects } = await open();
    const answers = [refused('it has left', { status: 409 }), done()];
    const participant = createParticipant(ledger, {
      perform: () => done({ parcel: 'p1' }),
      async undo({ tx }) {
        await happens(tx);
        return answers.shift() ?? done();
      },
    });
    await participant.action(call('s1', 'action'));
    expect((await participant.compensation(call('s1', 'compensation'))).status).toBe(409);
    if (takesBack) expect(await effects()).toBe(0);
    expect((await participant.compensation(call('s1', 'compensation'))).status).toBe(204);
    expect((await participant.compensation(call('s1', 'compensation'))).status).toBe(204);
    expect(answers).toEqual([]);
  });

  it('forgets what is older than a time, and nothing else', async () => {
    const { action, ledger } = await started();
    await action();
    await ledger.forget(new Date(Date.now() - 60_000));
    expect(await action()).toMatchObject({ isReplay: true });
    await ledger.forget(new Date(Date.now() + 60_000));
    expect(await action()).toMatchObject({ body: { payment_id: 'pay_2' }, isReplay: false });
  });
}
