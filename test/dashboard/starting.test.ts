/** A saga is started, and told of an event, on a page: the audit says by whom. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { guard } from '../../server/access.ts';
import { readSettings } from '../../server/config.ts';
import { readFields } from '../../server/dashboard/schema-form.tsx';
import { RARELY, tripWorld } from '../engine/trip.ts';
import { quiet } from '../engine/virtual-clock.ts';
import { appOver, limitedBy } from '../server/fake-app.ts';

const BOTH = 'ada-who-may-do-both-abcdefghijklmnop';
const OPERATES = 'bob-who-operates-abcdefghijklmnopqrs';
const READS = 'cyd-who-only-reads-abcdefghijklmnopq';
const HOSTILE = `"><script>alert(1)</script>`;
const OF_ANOTHER = 'dan-of-another-machine-abcdefghijkl';
const API_TOKENS = [
  `ada operator,submitter ${BOTH}`,
  `bob operator ${OPERATES}`,
  `cyd viewer ${READS}`,
  `dan operator,submitter:order ${OF_ANOTHER}`,
].join('; ');

const FIELDS = {
  machine: 'trip',
  reason: HOSTILE,
  'input.trip': 't-1',
  'input.traveller': '{"name": "Ada", "passport": "P-123456"}',
  'input.from': 'LON',
  'input.to': 'PAR',
  'input.visa': 'false',
  'input.insured': '[]',
  'input.card': 'card-123456',
};

async function opened(environment: Readonly<Record<string, string>> = {}) {
  const world = tripWorld();
  const { engine } = await world.coordinator('a', RARELY);
  engine.open();
  const access = guard(readSettings({ API_TOKENS }), { callbacks: null });
  const app = appOver(engine, pino({ level: 'silent' }), '', null, limitedBy(environment), access);
  const ask = async (
    path: string,
    token = BOTH,
    init: RequestInit = {},
    more: Record<string, string> = {},
  ) => {
    const headers = { accept: 'text/html', host: 'localhost', authorization: `Bearer ${token}`, ...more };
    const answer = await app.request(`http://localhost${path}`, { ...init, headers });
    await quiet();
    return {
      status: answer.status,
      location: answer.headers.get('location') ?? '',
      retryAfter: answer.headers.get('retry-after'),
      body: await answer.text(),
    };
  };
  const post = (
    path: string,
    fields: Record<string, string>,
    token = BOTH,
    more: Record<string, string> = {},
  ) =>
    ask(
      path,
      token,
      { method: 'POST', body: new URLSearchParams(fields).toString() },
      {
        'content-type': 'application/x-www-form-urlencoded',
        ...more,
      },
    );
  const audit = async (action: string) =>
    JSON.parse((await ask(`/api/coordinator/audit?action=${action}`)).body).entries;
  return { world, ask, post, audit };
}

const hiddenIn = (html: string, name: string) =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';

it('goes from the form of its machine to a saga, once, and into the audit', async () => {
  const { world, ask, post, audit } = await opened();
  const { body: form } = await ask('/start?machine=trip');
  for (const name of Object.keys(FIELDS).filter((field) => field.startsWith('input.')))
    expect(form).toContain(`name="${name}"`);
  const fields = { ...FIELDS, key: hiddenIn(form, 'key') };
  const { status, location } = await post('/start', fields);
  expect(status).toBe(303);
  const id = /^\/sagas\/([^?]+)\?notice=started$/.exec(location)?.[1] ?? '';
  expect((await post('/start', fields)).location).toBe(location);
  expect((await world.record(id)).summary.label).toBe('t-1');
  expect(await audit('start')).toMatchObject([
    {
      actor: 'token:ada',
      by: 'ada',
      reason: HOSTILE,
      saga_id: id,
      machine: 'trip@1',
      before: null,
      after: { status: 'STARTED' },
    },
  ]);
  expect((await ask('/audit?action=start')).body).not.toContain('<script>');

  expect((await world.record(id)).summary.state).toBe('awaitingApproval');
  expect((await ask(`/sagas/${id}`)).body).toContain(`href="/sagas/${id}/event?name=approval"`);
  const { body: asked } = await ask(`/sagas/${id}/event?name=approval`);
  const told = { name: 'approval', id: hiddenIn(asked, 'id'), 'input.by': 'eve', 'input.approved': 'true' };
  expect(await post(`/sagas/${id}/event`, { ...told, 'input.approved': 'perhaps' })).toMatchObject({
    status: 422,
  });
  expect(await post(`/sagas/${id}/event`, told)).toMatchObject({ status: 303 });
  await world.clock.pass(10);
  expect((await world.record(id)).status).toBe('COMPLETED');
  expect(await audit('event')).toMatchObject([
    { actor: 'token:ada', by: 'ada', event: 'approval', saga_id: id },
  ]);
});

it('is refused to whoever may not, from elsewhere, and of what the machine does not take', async () => {
  const { world, ask, post } = await opened();
  const key = '8e03978e-40d5-43dd-bc93-6894a57f9324';
  for (const token of [OPERATES, READS, OF_ANOTHER]) {
    expect((await ask('/machines', token)).body).not.toContain('Start one');
    expect((await ask('/start?machine=trip', token)).status).toBe(403);
    expect((await post('/start', { ...FIELDS, key }, token)).status).toBe(403);
  }
  expect((await ask('/machines')).body).toContain('href="/start?machine=trip&amp;version=1"');
  expect((await post('/start', { ...FIELDS, key }, BOTH, { origin: 'https://evil.example' })).status).toBe(
    403,
  );
  const wrong = [
    { 'input.visa': 'much' },
    { 'input.insured': '[' },
    { 'input.trip': '' },
    { 'input.visa': HOSTILE },
    { reason: ' ' },
    { machine: 'none' },
  ];
  for (const one of wrong) {
    const { status, body } = await post('/start', { ...FIELDS, key, ...one });
    expect(status, JSON.stringify(one)).toBe(422);
    // Of what was typed nothing comes back: it may be a secret.
    for (const typed of [FIELDS['input.card'], 'P-123456', '<script>']) expect(body).not.toContain(typed);
  }
  expect((await post('/start', { ...FIELDS, key, 'input.visa': 'much' })).body).toContain('/input/visa');
  expect((await world.store.statistics()).statuses.STARTED).toBe(0);
});

it('goes by the limits of its caller, but for what was begun before', async () => {
  const { world, post } = await opened({ STARTS_PER_CALLER_MAX: '1' });
  const first = { ...FIELDS, key: '8e03978e-40d5-43dd-bc93-6894a57f9324' };
  const { status, location } = await post('/start', first);
  expect(status).toBe(303);
  const refused = await post('/start', { ...FIELDS, key: 'a7fe0b33-71a5-4b5c-8a5e-0a4d6b0b1a2c' });
  expect(refused.status).toBe(429);
  expect(refused.retryAfter).toMatch(/^\d+$/);
  expect(await post('/start', first)).toMatchObject({ status: 303, location });
  expect((await world.store.statistics()).statuses.STARTED).toBe(1);
});

it('reads of each field what its schema means by it', () => {
  const schema = z.object({
    size: z.enum(['1', 'null']),
    note: z.string().optional(),
    count: z.int(),
    is_gift: z.boolean(),
  });
  const typed = { size: '1', note: '', count: '1.0', is_gift: 'false' };
  const form = Object.fromEntries(Object.entries(typed).map(([name, text]) => [`input.${name}`, text]));
  expect(readFields(schema, form)).toEqual({ size: '1', count: 1, is_gift: false });
});
