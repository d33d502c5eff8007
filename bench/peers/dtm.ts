/**
 * The order as a saga of DTM: five branches in order, each with the address of its action and of its compensation. DTM makes
 * the calls, and answers the submission when the saga has ended. This process is the front that submits.
 *
 * What a branch is sent is fixed when the saga is submitted, and nothing of what a participant answers comes back. So the
 * order has its id from here, and the notification no tracking number.
 */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { type Ended, serve } from '../contenders/front.ts';
import { actions, begun } from '../contenders/order.ts';

const [stubUrl = '', dtmUrl = ''] = process.argv.slice(2);
const steps = actions.map(({ action, compensation }) => ({
  action: stubUrl + action,
  compensate: stubUrl + compensation,
}));
const dtm = new Pool(dtmUrl, { connections: 128, headersTimeout: 0, bodyTimeout: 0 });

serve(async (order): Promise<Ended> => {
  const id = randomUUID();
  const data = { ...begun(order), order_id: id };
  const { statusCode, body } = await dtm.request({
    method: 'POST',
    path: '/api/dtmsvr/submit',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      gid: id,
      trans_type: 'saga',
      protocol: 'http',
      wait_result: true,
      steps,
      payloads: actions.map((step) => JSON.stringify(step.request(data))),
    }),
  });
  const said = await body.text();
  if (statusCode === 200) return { id, data };
  // It says the same of a saga that goes on after a failed try; this bench has none, and the counts would tell.
  if (statusCode === 409) return { id, data: null };
  throw new Error(`DTM answered ${statusCode}: ${said}`);
});
