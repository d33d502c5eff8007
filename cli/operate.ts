/** What an operator asks of one saga. Each needs a reason, and stands with it in the saga's log. */
import { sagaPath } from '../client/client.ts';
import type { Command, Invocation, Options, Word } from './command.ts';
import { asSaga } from './saga.ts';
import { EXIT, UsageError } from './surroundings.ts';
import { asJson, shown, statusColour } from './text.ts';

type More = Readonly<Record<string, string | true>>;

const ID: Word = { name: 'ID', isSaga: true };
export const ASKING = {
  reason: { value: 'TEXT', says: 'why; it stands in the log of the saga' },
  by: { value: 'NAME', says: 'who asks (the name of your user)' },
  seq: { value: 'N', says: 'only if its log is as long as when you looked (show says it)' },
} as const satisfies Options;

/** @param more what the body says beside who and why, from the second word and the command's own options */
function operation(
  kind: string,
  summary: string,
  more: (word: string, values: Invocation['values']) => More = () => ({}),
  word: Word | null = null,
  own: Options = {},
): Command {
  return {
    summary,
    words: word === null ? [ID] : [ID, word],
    options: { ...ASKING, ...own },
    async run(invocation) {
      const { words, values } = invocation;
      const [id = '', second = ''] = words;
      if (word !== null && values.seq === undefined) {
        // Fetched here, it would say nothing of what the operator has seen.
        throw new UsageError(`${kind} needs --seq: look at the saga with \`saga show ${id}\`, which says it`);
      }
      accepted(kind, await ask(kind, id, more(second, values), invocation), invocation);
      return EXIT.ok;
    },
  };
}

/** Who asks, and why. */
export function askedBy(kind: string, { values, around }: Invocation): { reason: string; by: string } {
  const { reason, by = around.userName() } = values;
  if (typeof reason !== 'string' || reason.trim() === '') throw new UsageError(`${kind} needs --reason`);
  return { reason, by: String(by) };
}

/** @returns the saga as it was answered */
export async function ask(kind: string, id: string, more: More, invocation: Invocation): Promise<unknown> {
  const asked = askedBy(kind, invocation);
  const { seq } = invocation.values;
  if (seq !== undefined && !/^\d{1,9}$/.test(String(seq)))
    throw new UsageError('--seq must be a whole number');
  const { body } = await invocation.coordinator.ask(sagaPath(id, `/${kind}`), {
    method: 'POST',
    headers: seq === undefined ? {} : { 'if-match': `"${seq}"` },
    body: JSON.stringify({ ...asked, ...more }),
  });
  return body;
}

export function accepted(
  kind: string,
  body: unknown,
  { asJson: json, paper, around: { out } }: Invocation,
): void {
  if (json) {
    out.write(`${asJson(body, 2)}\n`);
    return;
  }
  const { saga_id, status, state } = asSaga(body);
  const painted = paper.paint(statusColour(status), shown(status));
  out.write(`${kind} accepted: saga ${shown(saga_id)} ${painted} in ${shown(state)}\n`);
}

export const operate: Readonly<Record<string, Command>> = {
  cancel: operation('cancel', 'undo what was done so far'),
  skip: operation(
    'skip',
    'count the compensation of a step as done',
    (step, values) => (values['with-proof'] === true ? { step, with_proof: true } : { step }),
    { name: 'STEP' },
    {
      'with-proof': { says: 'only if its participant says that it is undone; the log then has what it said' },
    },
  ),
  resolve: operation('resolve', 'end a parked saga by hand, as COMPLETED or FAILED', (as) => ({ as }), {
    name: 'AS',
    choices: ['COMPLETED', 'FAILED'],
  }),
};
