/** An entry as SQL keeps it. Answers are texts there, so that they come back as they were. */
import type { Answer } from './answer.ts';
import type { Entry } from './ledger.ts';

export interface Row {
  readonly digest: string | null;
  readonly action: string | null;
  readonly compensation: string | null;
}

/** @returns `null` where nothing has been settled, though there may be a row to hold on to */
export function entryOf(row: Row | undefined): Entry | null {
  if (row === undefined || (row.action === null && row.compensation === null)) return null;
  return { digest: row.digest, action: answerOf(row.action), compensation: answerOf(row.compensation) };
}

export function columnsOf({ digest, action, compensation }: Entry): (string | null)[] {
  const text = (answer: Answer | null) => (answer === null ? null : JSON.stringify(answer));
  return [digest, text(action), text(compensation)];
}

function answerOf(text: string | null): Answer | null {
  return text === null ? null : (JSON.parse(text) as Answer);
}
