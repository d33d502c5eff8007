/**
 * The order as BullMQ's users write it, in one process with its worker. Two shapes, chosen by the third argument:
 *
 * - `jobs`: a job per step. When a step is done, the next step's job is added with all that is known by then.
 * - `job`: one job, which notes in its data which step comes next (BullMQ's pattern of "process step jobs").
 *
 * Either way a worker that dies is noticed by its lock, and the job is run again from where it stood.
 */
import { type Job, Queue, Worker } from 'bullmq';
import { type Ended, serve } from '../contenders/front.ts';
import { actions, begun, type Data, type PlainStep, undoing } from '../contenders/order.ts';
import { participantsAt } from '../contenders/participants.ts';

const [stubUrl = '', path = '', shape = ''] = process.argv.slice(2);
const CONCURRENCY = 64;
const participants = participantsAt(stubUrl);

/** Where a saga stands: a step's place in the list of actions, or of what is to be undone once `failedAt` is known. */
interface Standing {
  readonly id: string;
  readonly next: number;
  readonly failedAt: number | null;
  readonly data: Data;
}

const listOf = ({ failedAt }: Standing): readonly PlainStep[] =>
  failedAt === null ? actions : undoing(actions.slice(0, failedAt + 1));

async function perform(standing: Standing): Promise<Standing | Ended> {
  const { id, next, failedAt, data } = standing;
  const list = listOf(standing);
  const step = list[next];
  if (step === undefined) throw new Error(`${id} has no step ${next}`);
  const isLast = next === list.length - 1;
  if (failedAt !== null) {
    await participants.undo(id, step, data);
    return isLast ? { id, data: null } : { ...standing, next: next + 1 };
  }
  const gained = await participants.act(id, step, data);
  if (gained === null) return { ...standing, next: 0, failedAt: next };
  const known = { ...data, ...gained };
  return isLast ? { id, data: known } : { ...standing, next: next + 1, data: known };
}

async function ofOneStep(job: Job<Standing>): Promise<Ended | null> {
  const after = await perform(job.data);
  if (!('next' in after)) return after;
  await add(after);
  return null;
}

async function ofAllSteps(job: Job<Standing>): Promise<Ended> {
  for (;;) {
    const after = await perform(job.data);
    if (!('next' in after)) return after;
    await job.updateData(after);
  }
}

const connection = { path };
const queue = new Queue<Standing>('sagas', {
  connection,
  defaultJobOptions: {
    attempts: 5,
    backoff: { type: 'exponential', delay: 100 },
    removeOnComplete: true,
  },
});
/** While that job is there its id keeps a step from adding it twice, as one does whose worker died before completing. */
const add = (standing: Standing) => {
  const { id, next, failedAt } = standing;
  const name = `${failedAt === null ? '' : 'undo '}${listOf(standing)[next]?.name}`;
  return queue.add(name, standing, { jobId: `${id}-${name.replace(' ', '-')}` });
};

const waiting = new Map<string, { resolve(ended: Ended): void; reject(error: Error): void }>();
const worker = new Worker<Standing, Ended | null>('sagas', shape === 'job' ? ofAllSteps : ofOneStep, {
  connection,
  concurrency: CONCURRENCY,
});
worker.on('completed', (_, ended) => {
  if (ended === null) return;
  waiting.get(ended.id)?.resolve(ended);
  waiting.delete(ended.id);
});
worker.on('failed', (job, error) => {
  // Without a delay until its next attempt none is left.
  if (job?.finishedOn !== undefined) waiting.get(job.data.id)?.reject(error);
});
await worker.waitUntilReady();

let orders = 0;
serve(async (order) => {
  orders += 1;
  const id = `${process.pid}-${orders}`;
  const ended = new Promise<Ended>((resolve, reject) => waiting.set(id, { resolve, reject }));
  await add({ id, next: 0, failedAt: null, data: begun(order) });
  return ended;
});
