/** What is done to a store itself, while no coordinator runs that could be asked. */
import { ProblemError, UnreachableError } from '../client/errors.ts';
import type { Command } from './command.ts';
import { EXIT, UsageError } from './surroundings.ts';
import { asJson } from './text.ts';

export const store: Command = {
  summary: 'move a store to 48 partitions, while no coordinator runs',
  more: 'So many spread evenly over a Cluster. It asks Redis itself, by REDIS_URL and, where there is one, REDIS_PREFIX.',
  words: [{ name: 'WHAT', choices: ['repartition'] }],
  options: { undo: { says: 'take back a move that has not ended' } },
  run: async ({ values, asJson: isJson, around }) => {
    const { REDIS_URL: url = '', REDIS_PREFIX: prefix = '' } = around.env;
    if (url === '') throw new UsageError('store needs REDIS_URL, as the coordinators have it');
    // Loaded only here: no other command needs Redis.
    const { repartitionStore } = await import('../stores/redis/repartition-by-url.ts');
    const tell = (said: string) => around.err.write(`${said}\n`);
    const moved = await repartitionStore(url, prefix, values.undo === true, tell).catch((error: unknown) => {
      if (error instanceof RangeError) throw new UsageError(error.message);
      throw error;
    });
    if (moved.kind === 'unavailable') throw new UnreachableError(`${moved.why}. Call it again: it goes on`);
    if (moved.kind === 'refused') throw new ProblemError(moved.why, 409, null);
    const { partitions, copied, removed } = moved;
    around.out.write(
      isJson
        ? `${asJson({ partitions, copied, removed }, 2)}\n`
        : `The store has ${partitions} partitions. Keys copied: ${copied}; removed: ${removed}.\n`,
    );
    return EXIT.ok;
  },
};
