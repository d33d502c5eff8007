/** Sagas and machines as pictures, and machines as JSON. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import type { SagaHistory } from '../../server/engine/contract.ts';
import { toSequence } from '../../server/routes/sequence.ts';
import { ORDER, send, settled, submit } from '../coordinator/world.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { expectProblem } from './problem.ts';

const API = '/api/coordinator';
const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };

let world: HoldingWorld;
let url: string;
beforeAll(async () => {
  world = await openHoldingWorld();
  url = (await world.coordinator()).url;
});
afterAll(() => world.close());

const diagram = (id: string, type: string) => send(`${url}${API}/sagas/${id}/diagram?type=${type}`);
/** Without what differs from run to run. */
const linesOf = (text: string) =>
  text
    .trimEnd()
    .replaceAll(/after \d+ ms/g, 'after N ms')
    .split('\n');

describe('the sequence diagram', () => {
  it('shows the calls that were made, in their order, and how each ended', async () => {
    world.services.inventory.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
    world.services.order.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410, times: 1 }]);
    const { body } = await submit(url, DECLINED);
    const { status, headers, body: text } = await diagram(body.saga_id, 'sequence');
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=UTF-8']);
    expect(linesOf(text)).toEqual([
      'sequenceDiagram',
      '  participant coordinator as Coordinator',
      '  participant p1 as order',
      '  participant p2 as inventory',
      '  participant p3 as payment',
      '  coordinator->>p1: /api/orders',
      '  p1-->>coordinator: done after N ms',
      '  coordinator->>p2: /api/inventory/reserve',
      expect.stringMatching(/^ {2}p2--xcoordinator: retryable after N ms#58; /),
      '  coordinator->>p2: /api/inventory/reserve, attempt 2',
      '  p2-->>coordinator: done after N ms',
      '  coordinator->>p3: /api/payments/process',
      expect.stringMatching(/^ {2}p3--xcoordinator: refused after N ms#58; /),
      '  coordinator->>p3: /api/payments/refund',
      '  p3-->>coordinator: done after N ms',
      '  coordinator->>p2: /api/inventory/release',
      '  p2-->>coordinator: done after N ms',
      '  coordinator->>p1: /api/orders/cancel',
      expect.stringMatching(/^ {2}p1--xcoordinator: refused after N ms#58; /),
      '  Note over coordinator: ABORTED, parked',
    ]);
  });

  it('shows a call in flight, and what an operator asked for', async () => {
    const gate = world.hold('payment');
    const { body } = await submit(url, ORDER, { prefer: 'respond-async' });
    const { saga_id } = body;
    await gate.arrived;
    expect(linesOf((await diagram(saga_id, 'sequence')).body).slice(-2)).toEqual([
      '  coordinator->>p3: /api/payments/process',
      '  Note over p3: in flight',
    ]);
    const state = linesOf((await diagram(saga_id, 'state')).body);
    expect(state.at(-1)).toBe('  class processingPayment_calling current');
    const cancel = { reason: 'end; %% <b>#1</b>\nalt', by: 'Ada' };
    await send(`${url}${API}/sagas/${saga_id}/cancel`, { method: 'POST', body: cancel });
    gate.open();
    await settled(url, saga_id);
    const lines = linesOf((await diagram(saga_id, 'sequence')).body);
    expect(lines).toContain(
      '  Note over coordinator: cancel by Ada#58; end#59; #37;#37; #60;b#62;#35;1#60;/b#62; alt',
    );
    expect(lines.at(-1)).toBe('  Note over coordinator: FAILED, failed');
  });

  it('lets nothing that a log or a machine says mean anything to Mermaid', () => {
    const entry = { seq: 2, at: '', from: 'a', to: 'b', attempt: 1, duration_ms: null };
    const history = {
      saga: { status: 'FAILED', summary: { state: 'failed' } },
      log: [
        {
          ...entry,
          event: 'refused',
          step: 'x\nend',
          kind: 'action',
          outcome: 'refused',
          error: 'a;b\r\nend',
        },
      ],
    } as unknown as SagaHistory;
    expect(toSequence(history, undefined).trimEnd().split('\n').slice(2)).toEqual([
      '  participant p1 as x end',
      '  coordinator->>p1: action',
      '  p1--xcoordinator: refused#58; a#59;b end',
      '  Note over coordinator: FAILED, failed',
    ]);
  });
});

describe('the state diagram', () => {
  it('is the machine, with the state in which the saga stands', async () => {
    const { body } = await submit(url);
    const { body: plain } = await send(`${url}${API}/machines/order/mermaid`);
    const { body: marked } = await send(`${url}${API}/sagas/${body.saga_id}/diagram`);
    expect(plain).toMatch(/^stateDiagram-v2\n/);
    expect(marked.startsWith(plain)).toBe(true);
    expect(marked.slice(plain.length)).toMatch(/^ {2}classDef current .*\n {2}class completed current\n$/);
  });

  it('of no saga, or of another kind, is refused', async () => {
    expectProblem(await diagram('none', 'state'), 'saga-not-found');
    expectProblem(await diagram('none', 'class'), 'invalid-query');
  });
});

describe('machines', () => {
  it('are listed with their versions and steps', async () => {
    const steps = ['order', 'inventory', 'payment', 'shipping', 'notification'];
    const { body } = await send(`${url}${API}/machines`);
    expect(body).toMatchObject({
      machines: [{ id: 'order', versions: ['1'], steps, label: 'order_id', events: [] }],
    });
  });

  it('are shown with a config that XState takes back', async () => {
    const { body } = await send(`${url}${API}/machines/order?version=1`);
    expect(body).toMatchObject({ id: 'order', version: '1', versions: ['1'], deadline_ms: null });
    expect(body.steps[2]).toMatchObject({
      name: 'payment',
      participant: 'payment',
      action: '/api/payments/process',
      compensation: '/api/payments/refund',
    });
    expect(Object.keys(createMachine(body.config).states)).toContain('refundingPayment');
    expect((await send(`${url}${API}/machines/order`)).body).toEqual(body);
  });

  it('are drawn at a path of their own, and at the parameter that was there before it', async () => {
    const { body } = await send(`${url}${API}/machines/order`);
    const drawn = await send(`${url}${API}/machines/order/mermaid?version=1`);
    expect(drawn).toMatchObject({ status: 200, body: body.mermaid });
    expect(drawn.headers['content-type']).toMatch(/^text\/plain\b/);
    const before = await fetch(`${url}${API}/machines/order?format=mermaid`);
    expect([before.status, before.headers.get('content-type')]).toEqual([200, drawn.headers['content-type']]);
    expect(await before.text()).toBe(body.mermaid);
  });

  it('that are not there are refused', async () => {
    expectProblem(await send(`${url}${API}/machines/none`), 'machine-not-found');
    expectProblem(await send(`${url}${API}/machines/order?version=0`), 'machine-not-found', /version 0/);
    expectProblem(await send(`${url}${API}/machines/order?format=png`), 'invalid-query');
    expectProblem(await send(`${url}${API}/machines/none/mermaid`), 'machine-not-found');
    expectProblem(await send(`${url}${API}/machines/order/mermaid?version=0`), 'machine-not-found');
  });
});
