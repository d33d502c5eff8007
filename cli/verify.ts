/** Asks a service, and no coordinator, whether it keeps what docs/participants.md promises. */
import { readFile } from 'node:fs/promises';
import { UnreachableError } from '../client/errors.ts';
import type { Command, Invocation } from './command.ts';
import type { Cell } from './paper.ts';
import { EXIT, UsageError } from './surroundings.ts';
import { asJson, shown } from './text.ts';

export const verify: Command = {
  summary: "whether a service keeps a participant's promises",
  more: 'It calls the service at URL, and no coordinator. --action, --undo and --body are needed.',
  words: [{ name: 'URL' }],
  options: {
    action: { value: 'PATH', says: 'of the action' },
    undo: { value: 'PATH', says: 'of its compensation' },
    body: { value: 'FILE', says: 'what the action is sent' },
    refused: { value: 'FILE', says: 'a body that it refuses' },
    probe: { value: 'PATH', says: 'JSON that changes, best in a number, when an effect happens' },
    ask: { value: 'PATH', says: 'where it tells what stands of a call' },
    header: { value: 'HEADER', says: "as 'name: value', with each call" },
    timeout: { value: 'SECONDS', says: 'for one answer (10)' },
  },
  async run({ values, words: [url = ''], asJson: json, paper, around: { out } }) {
    const [action, undo, body, refused, probe, ask, header] = (
      ['action', 'undo', 'body', 'refused', 'probe', 'ask', 'header'] as const
    ).map((name) => textOf(values, name));
    if (action === undefined || undo === undefined || body === undefined)
      throw new UsageError('verify needs --action PATH, --undo PATH and --body FILE');
    // Loaded only here: no other command calls services.
    const { UnansweredError, verifyParticipant } = await import('../participant/index.ts');
    const verified = await verifyParticipant({
      url,
      action,
      undo,
      body: await read(body),
      ...(refused === undefined ? {} : { refused: await read(refused) }),
      ...(probe === undefined ? {} : { probe }),
      ...(ask === undefined ? {} : { ask }),
      ...(header === undefined ? {} : { headers: headerIn(header) }),
      timeoutMs: millisecondsIn(textOf(values, 'timeout') ?? '10'),
    }).catch((error: unknown) => {
      if (error instanceof UnansweredError) throw new UnreachableError(error.message);
      if (error instanceof TypeError) throw new UsageError(error.message);
      throw error;
    });
    const rows = verified.verdicts.map(({ name, promise, holds, why }): Cell[] => [
      holds === null
        ? { text: 'not asked', colour: 'grey', least: 'whole' }
        : holds
          ? { text: 'holds', colour: 'green', least: 'whole' }
          : { text: 'BROKEN', colour: 'red', least: 'whole' },
      { text: name, least: 'whole' },
      // Whoever must mend it needs every word.
      {
        text: holds === true ? promise : holds === null ? shown(why) : `${promise}: ${shown(why)}`,
        least: 'whole',
      },
    ]);
    out.write(json ? `${asJson(verified, 2)}\n` : paper.table(rows));
    return verified.holds ? EXIT.ok : EXIT.sagaFailed;
  },
};

function textOf(values: Invocation['values'], name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function headerIn(text: string): Record<string, string> {
  const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === '') throw new UsageError("--header is written as 'name: value'");
  return { [name]: value };
}

function millisecondsIn(seconds: string): number {
  const ms = 1000 * Number(seconds);
  if (Number.isInteger(ms) && ms > 0 && ms <= 600_000) return ms;
  throw new UsageError('--timeout is a number of seconds, 600 at most');
}
