/** What is said of a machine to whoever starts its sagas, feeds them or looks after them: over HTTP, and on its page. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { trip } from '../../machines/trip.ts';
import { MachineDoors, MachineParts } from '../../server/dashboard/machine-parts.tsx';
import { machineDetail, machineList } from '../../server/routes/machine-schemas.ts';
import { WANTED } from '../engine/trip.ts';
import { everywhere, placed } from '../machines/placed-order.ts';
import { appOver } from './fake-app.ts';

const policies = everywhere({ timeoutMs: 5000, attemptsMax: 3, backoffMs: 200, backoffMaxMs: 10_000 });
const POLICY = { timeout_ms: 5000, attempts_max: 3, backoff_ms: 200, backoff_max_ms: 10_000 };
const machines = [orderSaga(policies), definitionOf(trip, policies)].map(
  (saga) => new RegisteredMachine(saga),
);

const app = appOver({ machines });
async function get(path: string) {
  const answer = await app.request(`http://localhost/api/coordinator${path}`, {
    headers: { host: 'localhost' },
  });
  expect(answer.status).toBe(200);
  return answer.json();
}
const schemaTakes = (schema: unknown, data: unknown) =>
  new Ajv2020({ strict: false, validateFormats: false }).validate(schema as object, data);

describe('a machine over HTTP', () => {
  let detail: z.infer<typeof machineDetail>;
  beforeAll(async () => {
    detail = machineDetail.strict().parse(await get('/machines/trip'));
  });

  it('says what it is started with, as JSON Schema that takes what the door takes', () => {
    expect(detail.label).toBe('trip');
    expect(schemaTakes(detail.input, WANTED)).toBe(true);
    expect(schemaTakes(detail.input, { ...WANTED, more: 1 })).toBe(false);
    expect(schemaTakes(detail.input, { ...WANTED, visa: 'yes' })).toBe(false);
  });

  it('says which events it waits for, with what, and how long', () => {
    expect(detail.events).toMatchObject([{ name: 'approval', within_ms: 3 * 86_400_000, late: 'undo' }]);
    const data = detail.events[0]?.data;
    expect(schemaTakes(data, { by: 'eve', approved: true })).toBe(true);
    expect(schemaTakes(data, { by: 'eve' })).toBe(false);
  });

  it('lists its parts in the order of doing, and where each stands', () => {
    const inside = (part: string, branch: string) => ({ part, branch });
    expect(detail.parts).toEqual(
      [
        ['parallel', 'booking', null],
        ['step', 'flight', inside('booking', 'flight')],
        ['step', 'hotel', inside('booking', 'hotel')],
        ['for_each', 'insurance', null],
        ['when', 'visa', null],
        ['step', 'visa', inside('visa', 'then')],
        ['wait_for', 'approval', null],
        ['pivot', 'payment', null],
        ['step', 'tickets', null],
      ].map(([kind, name, inside]) => ({ kind, name, inside, sleeps_ms: null })),
    );
  });

  it('says of each step how it is called, and what undoes it or why nothing does', () => {
    const [flight, , insurance, visa, payment, tickets] = detail.steps;
    expect(flight).toEqual({
      name: 'flight',
      participant: 'airline',
      action: '/api/flights/book',
      compensation: '/api/flights/cancel',
      not_undone: null,
      ask: '/api/stands',
      action_policy: POLICY,
      compensation_policy: POLICY,
      asynchronous_within_ms: null,
      each: null,
    });
    expect(insurance?.each).toEqual({ items_max: 100, concurrency: 10 });
    expect(visa).toMatchObject({
      compensation: null,
      not_undone: { reason: 'an embassy does not pay back its fee', stays: true },
      compensation_policy: null,
      asynchronous_within_ms: 14 * 86_400_000,
    });
    expect(payment?.not_undone).toEqual({ reason: 'it is never undone', stays: false });
    expect([payment?.action_policy.attempts_max, tickets?.action_policy.attempts_max]).toEqual([3, null]);
  });

  it('says of a machine written by its states that its steps stand in a row', async () => {
    const { parts, steps, input, events } = machineDetail.parse(await get('/machines/order'));
    expect(parts.map(({ kind, name }) => `${kind} ${name}`)).toEqual(steps.map(({ name }) => `step ${name}`));
    expect(events).toEqual([]);
    expect(schemaTakes(input, placed)).toBe(true);
    expect(schemaTakes(input, { ...placed, items: [] })).toBe(false);
  });

  it('is listed with what a caller needs to start one', async () => {
    const { machines } = machineList.strict().parse(await get('/machines'));
    const listed = machines.find(({ id }) => id === 'trip');
    expect(listed).toMatchObject({
      versions: ['1'],
      label: 'trip',
      events: ['approval'],
      input: detail.input,
    });
    expect(machines.map(({ id }) => id)).toEqual(['order', 'trip']);
  });
});

/** With what zod alone can say, a sleep of each kind, and both branches of a choice. */
const odd = new RegisteredMachine(
  definitionOf(
    defineSaga({ id: 'odd', version: '1', input: z.strictObject({ at: z.date(), soon: z.boolean() }) })
      .when(
        'soon',
        ({ soon }) => soon,
        (b) => b.sleep('nap', '2 h'),
        (b) => b.sleep('night', ({ at }) => at),
      )
      .step('one', {
        at: 'one',
        action: { path: '/one', request: () => ({}), answer: z.looseObject({}) },
        undo: { unneeded: 'it only <asked>' },
      }),
    policies,
  ),
);

it('leaves open in a schema what JSON cannot say, and tells the kinds of sleep apart', async () => {
  const own = appOver({ machines: [odd] });
  const answer = await own.request('http://localhost/api/coordinator/machines/odd', {
    headers: { host: 'localhost' },
  });
  const { input, parts, steps } = machineDetail.parse(await answer.json());
  expect(input).toMatchObject({ properties: { at: {}, soon: { type: 'boolean' } } });
  expect(parts.slice(1, 3)).toEqual([
    { kind: 'sleep', name: 'nap', inside: { part: 'soon', branch: 'then' }, sleeps_ms: 7_200_000 },
    { kind: 'sleep', name: 'night', inside: { part: 'soon', branch: 'otherwise' }, sleeps_ms: null },
  ]);
  expect(steps[0]?.not_undone).toEqual({ reason: 'it only <asked>', stays: false });
});

it('is shown on its page in words', () => {
  const [, machine] = machines;
  if (machine === undefined) throw new Error('no trip');
  const page = `${MachineParts({ machine })}${MachineDoors({ machine })}`.replace(/<[^>]+>/g, '\n');
  for (const words of [
    'flight beside hotel',
    'for each',
    ', in booking: flight',
    '5.0 s a call, 3 attempts, at most 100 items, 10 at once',
    '5.0 s a call, 3 attempts, asynchronous, within 14 d',
    'an embassy does not pay back its fee',
    'within 3 d, else it is undone',
    '5.0 s a call, until it succeeds',
    'Event approval',
    '&quot;passport&quot;',
  ])
    expect(page).toContain(words);
  const asked = `${MachineParts({ machine: odd })}`;
  expect(asked).toContain('it only &lt;asked&gt;');
  expect(asked).toContain('2 h</td>');
});
