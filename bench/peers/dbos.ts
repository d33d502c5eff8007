/** The order as a workflow of DBOS: each call is a step, whose result is in Postgres before the next one begins. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { type Ended, serve } from '../contenders/front.ts';
import { actions, begun, type Data, type PlainStep, undoing } from '../contenders/order.ts';
import { participantsAt } from '../contenders/participants.ts';

const [stubUrl = '', systemDatabaseUrl = ''] = process.argv.slice(2);
const participants = participantsAt(stubUrl);
const retried = { retriesAllowed: true, maxAttempts: 5, intervalSeconds: 0.1 };

async function run(order: Data): Promise<Ended> {
  const id = DBOS.workflowID ?? '';
  let data = begun(order);
  const done: PlainStep[] = [];
  for (const step of actions) {
    done.push(step);
    const gained = await DBOS.runStep(() => participants.act(id, step, data), {
      name: step.name,
      ...retried,
    });
    if (gained === null) {
      for (const undo of undoing(done)) {
        const name = `undo ${undo.name}`;
        await DBOS.runStep(() => participants.undo(id, undo, data), { name, ...retried });
      }
      return { id, data: null };
    }
    data = { ...data, ...gained };
  }
  return { id, data };
}

const workflow = DBOS.registerWorkflow(run, { name: 'order' });
DBOS.setConfig({ name: 'bench', systemDatabaseUrl, logLevel: 'warn' });
await DBOS.launch();
serve((order) => workflow(order));
