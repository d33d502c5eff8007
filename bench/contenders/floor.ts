/**
 * What an order costs where nothing is kept: a Node process that takes it over HTTP and makes the same calls with the
 * same client. With the socket of a Redis as its second argument it writes what it knows there before each call, and
 * awaits that: the least that durability can cost, without fencing, log, indexes or anybody who would carry on.
 */
import { Redis } from 'ioredis';
import { type Ended, serve } from './front.ts';
import { actions, begun, type Data, undoing } from './order.ts';
import { participantsAt } from './participants.ts';

const [stubUrl = '', redisSocket = ''] = process.argv.slice(2);
const participants = participantsAt(stubUrl);
const redis = redisSocket === '' ? null : new Redis(redisSocket);
let orders = 0;

serve(async (order: Data): Promise<Ended> => {
  orders += 1;
  const id = `${process.pid}-${orders}`;
  let data = begun(order);
  const keep = (state: string) => redis?.set(`floor:${id}`, JSON.stringify({ state, data }));
  const done: typeof actions = [];
  for (const step of actions) {
    await keep(step.name);
    const gained = await participants.act(id, step, data);
    done.push(step);
    if (gained === null) {
      for (const undo of undoing(done)) {
        await keep(`undoing ${undo.name}`);
        await participants.undo(id, undo, data);
      }
      await keep('failed');
      return { id, data: null };
    }
    data = { ...data, ...gained };
  }
  await keep('completed');
  return { id, data };
});
