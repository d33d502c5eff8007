/** The same act on many sagas: one is asked first, then ten, then the others, and none when those fail again. */
import { type Bulk, bulkPath, type Schemas } from '../client/client.ts';
import { isEnded, pageOf, tellBulk, tellBulks, tellPreview } from './bulk-shown.ts';
import type { Command, Invocation } from './command.ts';
import { FILTERS, manyIn } from './filters.ts';
import { wholeId } from './ids.ts';
import { ASKING, askedBy } from './operate.ts';
import { EXIT, type ExitCode, UsageError } from './surroundings.ts';
import { shown } from './text.ts';
import { timeoutMsIn, untilOver, WAITING } from './waiting.ts';

const { reason, by } = ASKING;
const WHICH = Object.keys(FILTERS);
const ACTING = ['reason', 'by', 'timeout', 'dry-run', ...WHICH];
/** Options that each knows. */
const OWN = {
  retry: ACTING,
  cancel: ACTING,
  skip: [...ACTING, 'step', 'with-proof'],
  resolve: [...ACTING, 'as'],
  list: [],
  show: [],
  continue: ['by', 'timeout'],
  stop: [],
} as const satisfies Record<string, readonly string[]>;
type Act = Schemas['BulkRequest']['act'];

export const bulk: Command = {
  summary: 'an act on many: one first, then ten, then the others, or none',
  more: `retry, cancel, skip and resolve ask the sagas of these IDs, or up to 500 that the filters find: those that are parked, of a
    cancel those in flight. The others are asked when those before came through: else continue asks them. stop asks no more. Of show,
    continue and stop ID is that of the act, as list has it.`,
  words: [
    { name: 'WHAT', choices: Object.keys(OWN) },
    { name: 'ID', isOptional: true, repeats: true },
  ],
  options: {
    reason,
    by,
    timeout: WAITING.timeout,
    'dry-run': { says: 'only shows what it would come to, by cause' },
    step: { value: 'STEP', says: 'skip: the step' },
    'with-proof': { says: 'skip: only what its participant says is undone; each log then has what it said' },
    as: { value: 'AS', says: 'resolve: as one of', choices: ['COMPLETED', 'FAILED'] },
    ...FILTERS,
    status: { ...FILTERS.status, choices: ['ABORTED', 'STARTED'] },
  },
  async run(invocation) {
    const { coordinator, values, words } = invocation;
    const [what, ...ids] = words as [keyof typeof OWN, ...string[]];
    const own: readonly string[] = OWN[what];
    const foreign = Object.keys(values).find((name) => name in bulk.options && !own.includes(name));
    if (foreign !== undefined) throw new UsageError(`bulk ${what} knows no --${foreign}`);
    if (what === 'retry' || what === 'cancel' || what === 'skip' || what === 'resolve')
      return act(invocation, what, ids);
    const [id, further] = what === 'list' ? ['', ...ids] : ids;
    if (id === undefined) throw new UsageError(`bulk ${what} needs ID`);
    if (further !== undefined) throw new UsageError(`bulk ${what} takes no further word, as ${further}`);
    if (what === 'list') {
      tellBulks(await coordinator.bulks(), invocation);
      return EXIT.ok;
    }
    if (what === 'continue') {
      const asking = { by: String(values.by ?? invocation.around.userName()) };
      return followed(invocation, await coordinator.continueBulk(id, asking));
    }
    tellBulk(await (what === 'stop' ? coordinator.stopBulk(id) : coordinator.bulk(id)), invocation);
    return EXIT.ok;
  },
};

async function act(invocation: Invocation, kind: Act, ids: readonly string[]): Promise<ExitCode> {
  const { coordinator, values } = invocation;
  const { step, as } = values;
  const option = { skip: 'step', resolve: 'as', retry: null, cancel: null }[kind];
  if (option !== null && values[option] === undefined) throw new UsageError(`bulk ${kind} needs --${option}`);
  const filter = WHICH.find((name) => values[name] !== undefined);
  if (ids.length > 0 && filter !== undefined)
    throw new UsageError(`--${filter} finds sagas, and IDs name them`);
  if (ids.length === 0 && filter === undefined)
    throw new UsageError(`bulk ${kind} needs IDs, or which sagas: --cause, --failed-step, --status ABORTED`);
  const isDry = values['dry-run'] === true;
  // Whoever only looks needs no reason.
  const asked = isDry ? null : askedBy(`bulk ${kind}`, invocation);
  timeoutMsIn(values.timeout);
  const wanted = {
    act: kind,
    ...(typeof step === 'string' && { step }),
    ...(as !== undefined && { as: as as 'COMPLETED' | 'FAILED' }),
    ...(values['with-proof'] === true && { with_proof: true as const }),
    ...(await which(invocation, kind, ids)),
  } as const;
  if (asked !== null) return followed(invocation, await coordinator.beginBulk({ ...asked, ...wanted }));
  tellPreview(await coordinator.previewBulk(wanted), invocation);
  return EXIT.ok;
}

/** Sagas that are named are asked as they are now, like those that a filter finds. */
async function which(
  { coordinator, values, around }: Invocation,
  kind: Act,
  ids: readonly string[],
): Promise<Pick<Schemas['BulkPreviewRequest'], 'filter' | 'sagas'>> {
  if (ids.length === 0)
    return { filter: manyIn(values, around.now(), kind === 'cancel' ? 'STARTED' : 'ABORTED') };
  const sagas = new Map<string, Schemas['SagaSeen']>();
  for (const written of ids) {
    const id = await wholeId(coordinator, written);
    const { execution_log: log } = await coordinator.get(id);
    sagas.set(id, { saga_id: id, etag: `"${log.at(-1)?.seq ?? 0}"` });
  }
  return { sagas: [...sagas.values()] };
}

/** Says at once where it is seen, for whoever does not stay; then stays until nothing more comes of it. */
async function followed(invocation: Invocation, { bulk_id: id, sagas }: Bulk): Promise<ExitCode> {
  const { values, around, url } = invocation;
  around.err.write(`bulk ${shown(id)} of ${sagas.length} sagas: ${pageOf(url, id)}\n`);
  const { body, isOver } = await untilOver(invocation, {
    path: bulkPath(id),
    waitMs: timeoutMsIn(values.timeout),
    isOver: (found) => isEnded(found as Bulk),
    doing: (found) => {
      const { done, unasked } = (found as Bulk).counts;
      return `${done} of ${sagas.length} done, ${unasked} not asked`;
    },
  });
  tellBulk(body as Bulk, invocation);
  return isOver ? exitCodeOf(body as Bulk) : EXIT.stillRunning;
}

function exitCodeOf({ counts: { again, parked, unasked, refused } }: Bulk): ExitCode {
  if (again + parked > 0) return EXIT.sagaFailed;
  return unasked + refused > 0 ? EXIT.refused : EXIT.ok;
}
