/** A retry of all sagas that filters find: page by page, each saga by itself, under what it was when it was found. */
import type { Schemas } from '../client/client.ts';
import type { Invocation } from './command.ts';
import { manyIn } from './filters.ts';
import { askedBy } from './operate.ts';
import type { Cell } from './paper.ts';
import { EXIT, type ExitCode } from './surroundings.ts';
import { asJson, shown } from './text.ts';
import { wholeIn } from './values.ts';

/** What one request takes. */
const PAGE = 500;

type Candidate = Schemas['RetryCandidate'];
type Result = Schemas['RetryResult'];

/** All pages as one. */
interface Done {
  readonly sagas: Candidate[];
  readonly results: Result[];
  accepted: number;
  cursor: string | null;
}

export async function retryMany(invocation: Invocation): Promise<ExitCode> {
  const { coordinator, values, around } = invocation;
  const isDry = values['dry-run'] === true;
  // Whoever only looks needs no reason, and the log will not have it.
  const { reason, by } = isDry ? { reason: 'dry run', by: 'nobody' } : askedBy('retry', invocation);
  let left = values.limit === undefined ? Number.POSITIVE_INFINITY : wholeIn('--limit', values.limit, 1, 1e9);
  const filter = manyIn(values, around.now());
  const done: Done = { sagas: [], results: [], accepted: 0, cursor: null };
  try {
    do {
      const from = done.cursor === null ? {} : { cursor: done.cursor };
      const page = { filter, dry_run: isDry, limit: Math.min(PAGE, left), ...from };
      const answer = await coordinator.retryMany({ reason, by, ...page });
      if (answer.dry_run) done.sagas.push(...answer.sagas);
      else {
        done.results.push(...answer.results);
        done.accepted += answer.accepted;
      }
      left -= answer.dry_run ? answer.sagas.length : answer.results.length;
      done.cursor = answer.cursor;
    } while (done.cursor !== null && left > 0);
  } finally {
    // Also of the pages before one that nobody answered.
    tell(done, isDry, invocation);
  }
  return done.accepted === done.results.length ? EXIT.ok : EXIT.refused;
}

function tell(
  { sagas, results, accepted, cursor }: Done,
  isDry: boolean,
  { asJson: json, paper, around: { out, err } }: Invocation,
): void {
  if (json) {
    const said = isDry ? { dry_run: true, sagas, cursor } : { dry_run: false, accepted, results, cursor };
    out.write(`${asJson(said, 2)}\n`);
    return;
  }
  const grey = (text: string): Cell => ({ text, colour: 'grey' });
  if (isDry) {
    const rows = sagas.map(({ saga_id, state, failed_step, label }): Cell[] => [
      { text: shown(saga_id), least: 16 },
      shown(state),
      shown(failed_step) || '-',
      shown(label) || '-',
    ]);
    out.write(paper.table([['SAGA', 'STATE', 'FAILED STEP', 'LABEL'].map(grey), ...rows]));
    err.write(`${sagas.length} would be retried: nothing was\n`);
    return;
  }
  const refused = results.filter(({ result }) => result !== 'accepted');
  const rows = refused.map(({ saga_id, result }): Cell[] => [
    { text: shown(saga_id), least: 'whole' },
    { text: shown(result), colour: 'red' },
  ]);
  out.write(`${paper.table(rows)}retry accepted: ${accepted} of ${results.length} sagas\n`);
}
