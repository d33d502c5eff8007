import type { Command } from './command.ts';
import { FILTERS, filterIn } from './filters.ts';
import type { Cell } from './paper.ts';
import { EXIT } from './surroundings.ts';
import { asJson, shown, statusColour } from './text.ts';
import { wholeIn } from './values.ts';

const LIMIT_MAX = 500;
/** What is left of an id: enough to find it again. */
const ID_COLUMNS = 16;

interface Listing {
  readonly saga_id?: unknown;
  readonly status?: unknown;
  readonly state?: unknown;
  readonly steps_completed?: unknown;
  readonly total_steps?: unknown;
  readonly order_id?: unknown;
  readonly label?: unknown;
  readonly failed_step?: unknown;
  readonly created_at?: unknown;
}

export const list: Command = {
  summary: 'sagas, newest first',
  words: [],
  options: {
    search: { value: 'TEXT', says: 'whose label, search attribute or beginning of its id this is' },
    by: { value: 'NAME', says: 'what --search is alone: label, id, or an attribute' },
    ...FILTERS,
    limit: { value: 'N', says: 'how many, at most 500 (50)' },
    cursor: { value: 'CURSOR', says: 'goes on where the last list ended' },
  },
  async run({ coordinator, values, asJson: json, paper, around: { out, err, now } }) {
    const { limit, cursor: after, search, by } = values;
    const query = new URLSearchParams(filterIn(values, now()));
    if (typeof search === 'string') query.set('q', search);
    if (typeof by === 'string') query.set('by', by);
    if (limit !== undefined) query.set('limit', String(wholeIn('--limit', limit, 1, LIMIT_MAX)));
    if (typeof after === 'string') query.set('cursor', after);
    const { body } = await coordinator.ask(`/api/coordinator/sagas${query.size > 0 ? `?${query}` : ''}`);
    if (json) {
      out.write(`${asJson(body, 2)}\n`);
      return EXIT.ok;
    }
    const {
      sagas,
      cursor,
      active_sagas: held,
    } = body as {
      readonly sagas: readonly Listing[];
      readonly cursor: string | null;
      readonly active_sagas: unknown;
    };
    const heads = ['SAGA', 'STATUS', 'STATE', 'STEPS', 'LABEL', 'FAILED STEP', 'CREATED'];
    const rows = sagas.map((saga): Cell[] => [
      { text: shown(saga.saga_id), least: ID_COLUMNS },
      { text: shown(saga.status), colour: statusColour(String(saga.status)), least: 'whole' },
      shown(saga.state),
      { text: `${shown(saga.steps_completed)}/${shown(saga.total_steps)}`, least: 'whole' },
      shown(saga.label ?? saga.order_id) || '-',
      shown(saga.failed_step) || '-',
      { text: paper.time(saga.created_at), least: 'whole' },
    ]);
    const header = heads.map((text): Cell => ({ text, colour: 'grey' }));
    out.write(paper.table([header, ...rows]));
    // Beside the table, so that a program that reads it reads sagas alone.
    const more = cursor === null ? '' : `; more with --cursor ${shown(cursor)}`;
    err.write(`${sagas.length} of ${shown(held)} sagas${more}\n`);
    return EXIT.ok;
  },
};
