/**
 * Computes the hash tags of tags.ts, and writes that file: `npm run tags`. A store's keys are found by them, so the file is
 * written once and for all; a test holds it against this.
 */
import { writeFileSync } from 'node:fs';
import { partitionName } from '../partition.ts';

const SLOTS = 16_384;
/** The least number that 3, 4, 6, 8, 12 and 16 divide: so each of as many masters gets as many partitions. */
const COUNT = 48;
/** Of how many partitions a store has had that is moved to these: they alone must lie evenly, too. */
const COUNT_BEFORE = 16;
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789'];

/** The slot of a hash tag: CRC16 (XMODEM) as Redis Cluster has it. */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}

/** Each in the middle of its own part of the slots, as near as two letters behind its name lead. */
export function computeTags(): string[] {
  const endings = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  return Array.from({ length: COUNT }, (_, partition) => {
    const rounds = COUNT / COUNT_BEFORE;
    const place = (partition % COUNT_BEFORE) * rounds + Math.floor(partition / COUNT_BEFORE);
    const middle = ((place + 0.5) * SLOTS) / COUNT;
    const tags = endings.map((ending) => `p${partitionName(partition)}-${ending}`);
    const awayFrom = (tag: string) => Math.abs(slotOf(tag) - middle);
    return tags.reduce((best, tag) => (awayFrom(tag) < awayFrom(best) ? tag : best));
  });
}

if (import.meta.filename === process.argv[1]) {
  const lines = computeTags().map((tag) => `  '${tag}',\n`);
  writeFileSync(
    new URL('./tags.ts', import.meta.url),
    `/** Hash tags that spread evenly over the masters of a Cluster, computed by compute-tags.ts: \`npm run tags\`. */
export const SPREAD_TAGS: readonly string[] = [
${lines.join('')}];
`,
  );
}
