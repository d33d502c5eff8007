/** What was sent and answered, and what would come of an act: as pages without a script, and for curl. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';

const TOKEN = 'tok_very_secret_indeed';
/** What a shell must read back as it is. */
const QUOTED = `O'Hara "the" $HOME \`x\``;
const SECRET = { ...ORDER, customer_id: QUOTED, payment: { method: 'card', token: TOKEN } };

let world: World;
let url: string;

beforeAll(async () => {
  world = await openWorld();
  const environment = { TRACE_URL: 'https://traces.example/t/{trace_id}?x=1' };
  url = (await world.coordinator(environment)).url;
});
afterAll(() => world?.close());
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

const page = (path: string) => send(url + path, { headers: { accept: 'text/html' } });
const api = (id: string, rest: string) => send(`${url}/api/coordinator/sagas/${id}/${rest}`);

/** One whose refund was refused: it is parked, all but the payment is undone. */
async function parked(): Promise<string> {
  const { shipping, payment } = world.services;
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const { body } = await submit(url, SECRET);
  shipping.faults.clear();
  payment.faults.clear();
  expect(body.status).toBe('ABORTED');
  return body.saga_id;
}

describe('the calls of a step', () => {
  it('are told with request, answer, key, attempts and trace, and without secrets', async () => {
    const id = await parked();
    const { status, body } = await api(id, 'calls?step=payment');
    expect(status).toBe(200);
    const [action, undo] = body.calls;
    expect(action).toMatchObject({
      step: 'payment',
      kind: 'action',
      method: 'POST',
      url: `${world.services.payment.url}/api/payments/process`,
      idempotency_key: `${id}:payment:action`,
      body: { amount: 2500, currency: 'EUR', payment: { method: 'card', token: '[redacted]' } },
      under_way: false,
      attempts: [{ attempt: 1, method: 'POST', outcome: 'done', status: null, error: null }],
    });
    expect(JSON.parse(action.answer)).toMatchObject({ payment_id: expect.any(String) });
    expect(undo).toMatchObject({
      kind: 'compensation',
      idempotency_key: `${id}:payment:compensation`,
      body: { customer_id: QUOTED, original_response: { payment_id: expect.any(String) } },
      attempts: [{ outcome: 'refused', status: 409, error: expect.stringMatching(/^409/) }],
      answer: null,
    });
    expect(body.trace_url).toBe(`https://traces.example/t/${body.trace_id}?x=1`);
    expect(JSON.stringify(body)).not.toContain(TOKEN);
  });

  it('have the answers of undos too', async () => {
    const id = await parked();
    const { body } = await api(id, 'calls?step=inventory');
    const undo = body.calls.find(({ kind }: { kind: string }) => kind === 'compensation');
    expect(undo.attempts).toMatchObject([{ outcome: 'done' }]);
    expect(JSON.parse(undo.answer)).toEqual(expect.any(Object));
    const { body: saga } = await send(`${url}/api/coordinator/sagas/${id}`);
    const line = saga.execution_log.find((one: { answer?: string }) => one.answer === undo.answer);
    expect(line).toMatchObject({ step: expect.any(String), kind: 'compensation', event: 'done' });
  });

  it('are copied as a command that a shell reads as it was meant', async () => {
    const id = await parked();
    const { body } = await api(id, 'calls?step=order');
    // The shell's own words, one a line, instead of curl.
    const [{ curl, url: to, idempotency_key: key, body: sent }] = body.calls;
    const said = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${curl}`])
      .toString()
      .split('\0');
    expect(said).toEqual(expect.arrayContaining([to, `idempotency-key: ${key}`]));
    expect(JSON.parse(said[said.indexOf('--data') + 1] ?? '')).toEqual(sent);
    expect(sent.customer_id).toBe(QUOTED);
  });

  it('have a page, to which the log leads', async () => {
    const id = await parked();
    const { body: saga } = await page(`/sagas/${id}`);
    expect(saga).toContain(`href="/sagas/${id}/calls?step=payment" data-dialog`);
    const { status, body } = await page(`/sagas/${id}/calls?step=payment`);
    expect(status).toBe(200);
    for (const said of [
      `${id}:payment:compensation`,
      '/api/payments/refund',
      '409',
      'https://traces.example/t/',
      'curl -X POST',
    ])
      expect(body).toContain(said);
    expect(body).toContain('[redacted]');
    expect(body).not.toContain(TOKEN);
  });

  it('say where an answer was from the ledger, so that nobody takes it for a second effect', async () => {
    const { payment } = world.services;
    payment.faults.set([{ endpoint: 'action', kind: 'lose-answer', times: 1 }]);
    const { body: saga } = await submit(url, SECRET);
    const { body } = await page(`/sagas/${saga.saga_id}`);
    expect(body.match(/Answered from its ledger: nothing was done for this attempt/g)).toHaveLength(1);
    expect(body).toMatch(/class="bar call outcome-done replayed"/);
    expect(body).toMatch(/done, [^,]+, attempt 2, answered from its ledger/);
    const calls = await api(saga.saga_id, 'calls?step=payment');
    const told = calls.body.calls[0].attempts.map((one: { replayed: boolean }) => one.replayed);
    expect(told).toEqual([false, true]);
    expect((await page(`/sagas/${saga.saga_id}/calls?step=payment`)).body).toContain(
      'answered from its ledger',
    );
    expect((await api(saga.saga_id, 'diagram?type=sequence')).body).toMatch(
      /done after \d+ ms, from its ledger/,
    );
  });

  it('are copied as a test, which knows no secret', async () => {
    const id = await parked();
    expect((await page(`/sagas/${id}`)).body).toContain(`href="/sagas/${id}/test" data-dialog`);
    const { status, body } = await page(`/sagas/${id}/test`);
    expect(status).toBe(200);
    expect(body).toContain('&#39;undo payment&#39;: [refused(');
    expect(body).not.toContain(TOKEN);
    expect((await page('/sagas/none/test')).status).toBe(404);
  });

  it('of no step are refused', async () => {
    const id = await parked();
    expect(await api(id, 'calls?step=nothing')).toMatchObject({ status: 400 });
    expect(await api('none', 'calls?step=order')).toMatchObject({ status: 404 });
    expect((await page(`/sagas/${id}/calls?step=nothing`)).status).toBe(404);
  });
});

describe('what stands of a call', () => {
  const form = (path: string, body: Record<string, string>) =>
    send(url + path, {
      method: 'POST',
      headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(body).toString(),
    });
  const undone = async (id: string) => {
    const headers = {
      'idempotency-key': `${id}:payment:compensation`,
      'saga-id': id,
      'saga-step': 'payment',
    };
    await send(`${world.services.payment.url}/api/payments/refund`, { method: 'POST', headers, body: {} });
  };

  it('is asked of its participant, and leads to a skip with that as its proof', async () => {
    const id = await parked();
    expect((await page(`/sagas/${id}`)).body).toContain(`action="/sagas/${id}/ask" data-dialog`);
    const stands = await form(`/sagas/${id}/ask`, { step: 'payment' });
    expect(stands.status).toBe(200);
    expect(stands.body).toContain('it stands');
    expect(stands.body).not.toContain('Skip with this proof');
    await undone(id);
    const { body } = await form(`/sagas/${id}/ask`, { step: 'payment' });
    expect(body).toContain('it is undone');
    expect(body).toContain(`/api/stands?saga_id=${id}&amp;step=payment`);
    expect(body).toMatch(/sha-256=:[\w+/]{43}=:/);
    const href = `/sagas/${id}/skip?step=payment&proof=1`;
    expect(body).toContain(`href="${href.replace('&', '&amp;')}"`);
    const asking = (await page(href)).body;
    expect(asking).toContain('name="with_proof" value="true"');
    const [, seq = ''] = /name="seq" value="(\d+)"/.exec(asking) ?? [];
    const skip = { step: 'payment', seq, by: 'ada', reason: 'at the desk', with_proof: 'true' };
    expect((await form(`/sagas/${id}/skip`, skip)).status).toBe(303);
    let log = '';
    while (!log.includes('at the desk (proof: payment answered 200, undone'))
      log = (await page(`/sagas/${id}`)).body;
    expect((await page('/audit')).body).toContain('at the desk (proof: payment answered 200, undone');
  });

  it('that nobody has undone is no proof, and nothing is skipped', async () => {
    const id = await parked();
    const [, seq = ''] =
      /name="seq" value="(\d+)"/.exec((await page(`/sagas/${id}/skip?step=payment`)).body) ?? [];
    const skip = { step: 'payment', seq, by: 'ada', reason: 'r', with_proof: 'true' };
    const refused = await form(`/sagas/${id}/skip`, skip);
    expect(refused.status).toBe(409);
    expect(refused.body).toContain('payment says that it is done');
    expect((await send(`${url}/api/coordinator/sagas/${id}`)).body.status).toBe('ABORTED');
  });

  it('is asked for the sagas of a cause', async () => {
    const [one, two] = [await parked(), await parked()];
    await undone(two);
    const ledger = (await page('/held')).body;
    expect(ledger).toContain('action="/held/ask"');
    const { body: held } = await send(`${url}/api/coordinator/held`);
    const { cause } = held.causes.find(({ step }: { step: string }) => step === 'payment');
    const { status, body } = await form('/held/ask', { cause });
    expect(status).toBe(200);
    const row = (id: string) => new RegExp(`href="/sagas/${id}">.*?</tr>`, 's').exec(body)?.[0];
    expect(row(one)).toContain('It stands');
    expect(row(two)).toContain('It is undone');
    expect(row(two)).toContain(`/sagas/${two}/skip?step=payment&amp;proof=1`);
    expect(row(one)).not.toContain('proof');
    expect((await form('/held/ask', { cause: 'none' })).body).toContain('No saga of this cause');
    expect((await form('/held/ask', {})).status).toBe(422);
  });
});

describe('a saga beside another', () => {
  it('is found by its label, and told from where they part', async () => {
    const id = await parked();
    const { body: other } = await submit(url, ORDER);
    const compared = async (to: string) =>
      (await page(`/sagas/${id}/compare?${new URLSearchParams({ with: to })}`)).body;
    expect((await page(`/sagas/${id}`)).body).toContain(`href="/sagas/${id}/compare"`);
    const apart = 'They part after Scheduling shipping: this one by refused, the other by done.';
    expect(await compared(other.order_id)).toContain(apart);
    expect(await compared(other.saga_id)).toContain(apart);
    expect(await compared(id)).toContain('Both went the same way.');
    expect(await compared('<nobody>')).toContain('Nothing is found by &lt;nobody&gt;.');
    // What is usual is known from the minute on in which it was counted.
    expect(await compared('')).toContain('Usual call');
    expect((await page('/sagas/none/compare')).status).toBe(404);
  });
});

describe('what would come of an act', () => {
  it('is told for each act, and changes nothing', async () => {
    const id = await parked();
    const before = (await send(`${url}/api/coordinator/sagas/${id}`)).body;
    const retry = (await api(id, 'what-if?act=retry')).body;
    expect(retry).toMatchObject({ act: 'retry', end: 'ended', status: 'FAILED', held: [] });
    expect(retry.path.map(({ event, to }: { event: string; to: string }) => [event, to])).toEqual([
      ['retry', 'refundingPayment.calling'],
      ['done', 'failed'],
    ]);
    expect(retry.calls).toMatchObject([
      {
        step: 'payment',
        kind: 'compensation',
        idempotency_key: `${id}:payment:compensation`,
        url: `${world.services.payment.url}/api/payments/refund`,
        assumed: false,
      },
    ]);
    expect(retry.calls[0].body.original_response).toBeDefined();
    expect(JSON.stringify(retry)).not.toContain(TOKEN);
    expect((await api(id, 'what-if?act=skip&step=payment')).body).toMatchObject({
      calls: [],
      held: [],
      status: 'FAILED',
    });
    expect((await api(id, 'what-if?act=resolve&as=COMPLETED')).body).toMatchObject({
      calls: [],
      status: 'COMPLETED',
      held: [{ step: 'payment', says: expect.stringMatching(/^EUR.25\.00 was taken from the customer$/) }],
    });
    expect(await api(id, 'what-if?act=cancel')).toMatchObject({ status: 409 });
    expect(await api(id, 'what-if?act=skip')).toMatchObject({ status: 400 });
    expect((await send(`${url}/api/coordinator/sagas/${id}`)).body).toEqual(before);
  });

  it('stands on the page that asks why', async () => {
    const id = await parked();
    const { body } = await page(`/sagas/${id}/retry`);
    expect(body).toContain('What would happen');
    expect(body).toContain('/api/payments/refund');
    expect(body).toContain('The saga ends: Undone.');
    expect(body).not.toContain(TOKEN);
    const { body: resolve } = await page(`/sagas/${id}/resolve?as=FAILED`);
    expect(resolve).toContain('Nothing is called.');
    expect(resolve).toMatch(/Still held then<\/h3>.*EUR.25\.00 was taken/s);
  });
});
