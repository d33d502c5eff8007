/** A retry of one saga, which may be waited for, or of all that a filter finds. */
import { sagaPath } from '../client/client.ts';
import type { Command, Invocation } from './command.ts';
import { FILTERS } from './filters.ts';
import { ASKING, accepted, ask } from './operate.ts';
import { retryMany } from './retry-many.ts';
import { asSaga, type Saga } from './saga.ts';
import { EXIT, type ExitCode, UsageError } from './surroundings.ts';
import { asJson } from './text.ts';
import { timeline } from './timeline.ts';
import { exitCodeOf, untilOver, WAITING, waitMsIn } from './waiting.ts';

export const retry: Command = {
  summary: 'the next attempt now, or the compensations that failed; of one or of many',
  more: `Of one by its ID, or of all that the filters find: those that are parked, or with --status STARTED those that wait for their
    next attempt. One that moves meanwhile is left alone.`,
  words: [{ name: 'ID', isOptional: true, isSaga: true }],
  options: {
    ...ASKING,
    ...WAITING,
    'dry-run': { says: 'only shows which sagas the filters find' },
    ...FILTERS,
    status: { ...FILTERS.status, choices: ['ABORTED', 'STARTED'] },
    limit: { value: 'N', says: 'how many at most; all unless set' },
  },
  async run(invocation) {
    const { values, words } = invocation;
    const [id] = words;
    const many = [...Object.keys(FILTERS), 'limit', 'dry-run'].find((name) => values[name] !== undefined);
    const one = ['seq', 'wait', 'timeout'].find((name) => values[name] !== undefined);
    if (id !== undefined && many !== undefined)
      throw new UsageError(`--${many} is for many sagas, and ID names one`);
    if (id !== undefined) return retryOne(invocation, id);
    if (one !== undefined) throw new UsageError(`--${one} is for one saga, named by its ID`);
    if (!Object.keys(FILTERS).some((name) => values[name] !== undefined))
      throw new UsageError('retry needs ID, or which sagas: --failed-step, --error, --status ABORTED');
    return retryMany(invocation);
  },
};

async function retryOne(invocation: Invocation, id: string): Promise<ExitCode> {
  const { coordinator, paper, asJson: json, values, around } = invocation;
  const waitMs = waitMsIn(values);
  if (waitMs === null) {
    accepted('retry', await ask('retry', id, {}, invocation), invocation);
    return EXIT.ok;
  }
  // What stands in the log from here on came of the retry: the answer to it may be older than that, or newer.
  const seq = lastSeq(asSaga((await coordinator.ask(sagaPath(id))).body));
  await ask('retry', id, {}, invocation);
  const { body, isOver } = await untilOver(invocation, {
    path: sagaPath(id),
    waitMs,
    isOver: (found) => isSettled(asSaga(found), seq),
    doing: (found) => asSaga(found).state,
  });
  const saga = asSaga(body);
  around.out.write(json ? `${asJson(body, 2)}\n` : timeline(saga, paper));
  return isOver ? exitCodeOf(saga) : EXIT.stillRunning;
}

function lastSeq({ execution_log: log }: Saga): number {
  return log.at(-1)?.seq ?? 0;
}

/** A parked saga is parked until the retry has reached it. */
function isSettled({ status, execution_log: log }: Saga, since: number): boolean {
  if (status !== 'ABORTED') return status !== 'STARTED';
  return log.some(({ seq, event, by }) => seq > since && event === 'retry' && by !== undefined);
}
