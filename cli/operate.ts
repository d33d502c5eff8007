/** What an operator asks of one saga. Each needs a reason, and stands with it in the saga's log. */
import { sagaPath } from '../client/client.ts';
import type { Command, Invocation } from './invocation.ts';
import { asSaga } from './saga.ts';
import { EXIT, type ExitCode, UsageError } from './surroundings.ts';
import { asJson, painter, shown, statusColour } from './text.ts';

const string = { type: 'string' } as const;
const options = { reason: string, by: string, seq: string };

/** @param more what the body says beside who and why, from the second word */
function operation(
  kind: string,
  more: (word: string) => Readonly<Record<string, string>>,
  needs: { readonly word: string | null },
): Command {
  const words = needs.word === null ? 1 : 2;
  return {
    options,
    words: [words, words],
    run: (invocation) => send(kind, needs.word !== null, more(invocation.words[1] ?? ''), invocation),
  };
}

async function send(
  kind: string,
  needsSeq: boolean,
  more: Readonly<Record<string, string>>,
  { coordinator, values, words: [id = ''], asJson: json, around }: Invocation,
): Promise<ExitCode> {
  const { reason, seq, by = around.userName() } = values;
  if (typeof reason !== 'string' || reason.trim() === '') throw new UsageError(`${kind} needs --reason`);
  if (needsSeq && seq === undefined) {
    // Fetched here, it would say nothing of what the operator has seen.
    throw new UsageError(`${kind} needs --seq: look at the saga with \`saga show ${id}\`, which says it`);
  }
  if (seq !== undefined && !/^\d{1,9}$/.test(String(seq)))
    throw new UsageError('--seq must be a whole number');
  const { body } = await coordinator.ask(sagaPath(id, `/${kind}`), {
    method: 'POST',
    headers: seq === undefined ? {} : { 'if-match': `"${seq}"` },
    body: JSON.stringify({ reason, by, ...more }),
  });
  const { out, env } = around;
  if (json) out.write(`${asJson(body, 2)}\n`);
  else {
    const { saga_id, status, state } = asSaga(body);
    const painted = painter(out.isTerminal, env)(statusColour(status), shown(status));
    out.write(`${kind} accepted: saga ${shown(saga_id)} ${painted} in ${shown(state)}\n`);
  }
  return EXIT.ok;
}

export const operate: Readonly<Record<string, Command>> = {
  retry: operation('retry', () => ({}), { word: null }),
  cancel: operation('cancel', () => ({}), { word: null }),
  skip: operation('skip', (step) => ({ step }), { word: 'STEP' }),
  resolve: operation('resolve', (as) => ({ as: ending(as) }), { word: 'COMPLETED or FAILED' }),
};

function ending(as: string): string {
  const status = as.toUpperCase();
  if (status !== 'COMPLETED' && status !== 'FAILED')
    throw new UsageError(`resolve as COMPLETED or FAILED, not ${as}`);
  return status;
}
