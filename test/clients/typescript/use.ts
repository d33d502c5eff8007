/** Uses every kind of answer through the generated client, and prints what it saw: one line for each. */
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.d.ts';

type Schemas = components['schemas'];

const client = createClient<paths>({ baseUrl: process.argv[2] ?? '' });
const say = (...words: (string | number | boolean | null | undefined)[]) =>
  process.stdout.write(`${words.join(' ')}\n`);

const order = (token: string): Schemas['Order'] => ({
  customer_id: 'cust_1',
  items: [{ product_id: 'widget', quantity: 1, unit_price: 100 }],
  currency: 'EUR',
  payment: { method: 'card', token },
  shipping_address: { name: 'Ada', line1: '1 Main St', city: 'London', postal_code: 'N1', country: 'GB' },
});
const submit = (token: string) => client.POST('/api/coordinator/orders', { body: order(token) });
const get = (id: string) => client.GET('/api/coordinator/sagas/{id}', { params: { path: { id } } });

const done = await submit('tok_visa');
say('order', done.response.status, done.data?.status);

const declined = await submit('tok_declined');
// 409 is the saga's own answer here, and so among the errors of the type.
const failed = declined.error as Schemas['OrderSaga'];
say('declined', declined.response.status, failed.status, failed.failed_step);

const { data: saga } = await get(done.data?.saga_id ?? '');
say('get', saga?.status, saga?.order_id === done.data?.order_id, saga?.failed_step, saga?.parked?.reason);
say('log', saga?.execution_log[0]?.event, saga?.execution_log.at(-1)?.outcome);

const list = async (cursor?: string) => {
  const query = { limit: 1, ...(cursor === undefined ? {} : { cursor }) };
  return (await client.GET('/api/coordinator/sagas', { params: { query } })).data;
};
const first = await list();
const second = await list(first?.cursor ?? '');
say(
  'list',
  first?.sagas.length,
  second?.sagas.length,
  first?.sagas[0]?.saga_id !== second?.sagas[0]?.saga_id,
);

const { error: problem, response } = await get('none');
say('problem', response.status, (problem as Schemas['Problem']).type);

const retry = async (body: Schemas['RetryMany']) =>
  (await client.POST('/api/coordinator/sagas:retry', { body })).data;
const plan = await retry({ reason: 'mended', filter: { status: 'ABORTED' }, dry_run: true });
if (plan?.dry_run !== true) throw new Error('a dry run is answered with a plan');
const parked = (await get(plan.sagas[0]?.saga_id ?? '')).data?.parked;
say('plan', plan.sagas.length, parked?.reason, parked?.held[0]?.step);
const named = plan.sagas.map(({ saga_id, etag }) => ({ saga_id, etag }));
const results = await retry({ reason: 'mended', sagas: named });
if (results?.dry_run !== false) throw new Error('a retry is answered with results');
say('retried', results.accepted, results.results[0]?.result);

const stream = await client.GET('/api/coordinator/events', { parseAs: 'stream' });
const text = stream.data?.pipeThrough(new TextDecoderStream());
let before = '';
let ordered = false;
for await (const chunk of text as unknown as AsyncIterable<string>) {
  const events = (before + chunk).split('\n\n');
  before = events.pop() ?? '';
  if (!ordered) await submit('tok_visa');
  ordered = true;
  const changes = events
    .filter((event) => event.startsWith('event: saga\n') || event.includes('\nevent: saga\n'))
    .map((event) => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '') as Schemas['SagaChange']);
  // The saga that was retried tells of itself too; it ends as FAILED.
  const ended = changes.find(({ status }) => status === 'COMPLETED');
  if (ended === undefined) continue;
  say('event', 'saga', ended.status);
  break;
}
process.exit(0);
