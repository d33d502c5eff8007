/**
 * `npm run aof-cut -- [4 40 400]`: the end of the append-only file is cut off while a coordinator runs orders, and how
 * much of what Redis then has forgotten the coordinator still knows, and stores anew. Prints a table.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { FORGOTTEN } from '../../../server/engine/contract.ts';
import { everySaga } from '../../chaos/saga.ts';
import { openWorld } from '../../coordinator/world.ts';
import { startRedis } from '../../redis-server.ts';
import { Load } from './load.ts';

const ORDERS = 300;
const SIZES_KB = [4, 40, 400];
/** Entries of the log of an order that goes well. */
const WHOLE_LOG = 6;

const given = process.argv.slice(2).map(Number);
if (!given.every((kb) => Number.isInteger(kb) && kb > 0)) {
  process.stderr.write('sizes are whole numbers of kilobytes\n');
  process.exit(2);
}

/** Each saga that a server holds, with how far it has come. */
async function idsIn(port: number): Promise<Map<string, number>> {
  const redis = new Redis(port);
  const found = new Map<string, number>();
  for await (const batch of redis.scanStream({ match: '*:saga:*', count: 1000 }))
    for (const key of batch as string[]) found.set(key, Number(await redis.hget(key, 'seq')));
  redis.disconnect();
  return found;
}

/** What a server holds that reads a copy of a dead one's file. */
async function heldBy(folder: string): Promise<Map<string, number>> {
  const copy = mkdtempSync(join(tmpdir(), 'saga-aof-'));
  cpSync(folder, copy, { recursive: true, filter: (from) => !from.endsWith('.sock') });
  const reader = await startRedis({ appendonly: true, settings: { dir: copy } });
  try {
    return await idsIn(reader.port);
  } finally {
    await reader.stop();
    rmSync(copy, { recursive: true, force: true });
  }
}

function cut(folder: string, kb: number): void {
  const files = join(folder, 'appendonlydir');
  const file = join(files, readdirSync(files).find((name) => name.endsWith('.incr.aof')) ?? '');
  truncateSync(file, Math.max(0, statSync(file).size - kb * 1024));
}

const say = (...cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
const heading = [
  'cut off',
  'forgotten as a whole',
  'of those, had ended',
  'stored anew',
  'set back in its midst',
];
const tolled = ['acknowledged and not there', 'done twice', 'completed and not all done', 'left running'];
say(...heading, ...tolled);
say(...[...heading, ...tolled].map(() => '---'));
for (const kb of given.length > 0 ? given : SIZES_KB) {
  const world = await openWorld();
  const coordinator = await world.coordinator();
  const load = new Load(world, coordinator.url);
  await load.more(ORDERS);
  await world.redis.kill();
  const folder = dirname(world.redis.socketPath);
  const before = await heldBy(folder);
  cut(folder, kb);
  const after = await heldBy(folder);
  await world.redis.restart();
  await load.more(ORDERS);
  const { lost, doubled, hollow, stuck } = await load.toll();

  const gone = [...before].filter(([key]) => !after.has(key));
  const ended = gone.filter(([, seq]) => seq >= WHOLE_LOG);
  const back = [...before].filter(([key, seq]) => (after.get(key) ?? seq) < seq);
  const sagas = await everySaga(coordinator.url);
  const anew = sagas.filter(({ execution_log }) => execution_log.some(({ event }) => event === FORGOTTEN));
  say(`${kb} KB`, gone.length, ended.length, anew.length, back.length, lost, doubled, hollow, stuck);
  // Of what had ended nobody knows any more; a start that was not acknowledged yet is simply made again.
  if (lost > ended.length || stuck > 0) process.exitCode = 1;
  await world.close();
}
process.exit();
