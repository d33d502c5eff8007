import type { Command } from './invocation.ts';
import { EXIT } from './surroundings.ts';
import { asJson, type Cell, painter, shown, statusColour, table } from './text.ts';

/** Options, and the query parameters that they are. */
const FILTERS = {
  status: 'status',
  state: 'state',
  'order-id': 'order_id',
  label: 'label',
  machine: 'machine',
  'failed-step': 'failed_step',
  error: 'error',
  'stuck-for': 'stuck_for',
  since: 'since',
  until: 'until',
  limit: 'limit',
  cursor: 'cursor',
} as const;

const string = { type: 'string' } as const;

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
  options: Object.fromEntries(Object.keys(FILTERS).map((name) => [name, string])),
  words: [0, 0],
  async run({ coordinator, values, asJson: json, around: { out, err, env } }) {
    const query = new URLSearchParams();
    for (const [option, parameter] of Object.entries(FILTERS)) {
      const value = values[option];
      if (typeof value === 'string') query.set(parameter, value);
    }
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
      shown(saga.saga_id),
      { text: shown(saga.status), colour: statusColour(String(saga.status)) },
      shown(saga.state),
      `${shown(saga.steps_completed)}/${shown(saga.total_steps)}`,
      shown(saga.label ?? saga.order_id) || '-',
      shown(saga.failed_step) || '-',
      shown(saga.created_at),
    ]);
    const header = heads.map((text): Cell => ({ text, colour: 'grey' }));
    out.write(table([header, ...rows], painter(out.isTerminal, env)));
    // Beside the table, so that a program that reads it reads sagas alone.
    const more = cursor === null ? '' : `; more with --cursor ${shown(cursor)}`;
    err.write(`${sagas.length} of ${shown(held)} sagas${more}\n`);
    return EXIT.ok;
  },
};
