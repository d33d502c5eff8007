/** What is done to a store itself, and asked of it, without a coordinator. */
import { ProblemError, UnreachableError } from '../client/errors.ts';
import type { Command, Invocation } from './command.ts';
import { EXIT, type ExitCode, UsageError } from './surroundings.ts';
import { asJson } from './text.ts';

export const store: Command = {
  summary: 'move a store to 48 partitions, or count what needs which key',
  more:
    'repartition spreads a store evenly over a Cluster, while no coordinator runs. keys tells\n' +
    'of each key how many sagas are sealed by it. Both ask Redis itself, by REDIS_URL and,\n' +
    'where there is one, REDIS_PREFIX.',
  words: [{ name: 'WHAT', choices: ['repartition', 'keys'] }],
  options: { undo: { says: 'take back a move that has not ended' } },
  run: (invocation) => {
    const { words, values, around } = invocation;
    const { REDIS_URL: url = '', REDIS_PREFIX: prefix = '' } = around.env;
    if (url === '') throw new UsageError('store needs REDIS_URL, as the coordinators have it');
    if (words[0] === 'repartition') return move(url, prefix, invocation);
    if (values.undo === true) throw new UsageError('store keys knows no --undo');
    return keys(url, prefix, invocation);
  },
};

/** What the URL or the prefix lacks is said as of any other word. */
function ofUse(error: unknown): never {
  if (error instanceof RangeError) throw new UsageError(error.message);
  throw error;
}

async function move(
  url: string,
  prefix: string,
  { values, asJson: isJson, around }: Invocation,
): Promise<ExitCode> {
  // Loaded only here: no other command needs Redis.
  const { repartitionStore } = await import('../stores/redis/repartition-by-url.ts');
  const tell = (said: string) => around.err.write(`${said}\n`);
  const moved = await repartitionStore(url, prefix, values.undo === true, tell).catch(ofUse);
  if (moved.kind === 'unavailable') throw new UnreachableError(`${moved.why}. Call it again: it goes on`);
  if (moved.kind === 'refused') throw new ProblemError(moved.why, 409, null);
  const { partitions, copied, removed } = moved;
  around.out.write(
    isJson
      ? `${asJson({ partitions, copied, removed }, 2)}\n`
      : `The store has ${partitions} partitions. Keys copied: ${copied}; removed: ${removed}.\n`,
  );
  return EXIT.ok;
}

async function keys(url: string, prefix: string, { asJson: isJson, around }: Invocation): Promise<ExitCode> {
  const { sealingKeysOf } = await import('../stores/redis/sealing-keys-by-url.ts');
  const found = await sealingKeysOf(url, prefix).catch(ofUse);
  if (found.kind === 'unavailable') throw new UnreachableError(found.why);
  const lines = found.keys.map(
    ({ key, sagas, unfinished }) => `${key}: needed by ${sagas} sagas, of which ${unfinished} have not ended`,
  );
  const said = lines.length === 0 ? 'Nothing is sealed.' : lines.join('\n');
  around.out.write(isJson ? `${asJson(found.keys, 2)}\n` : `${said}\n`);
  return EXIT.ok;
}
