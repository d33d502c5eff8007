/**
 * How an ended saga lies once it rests: what grows with it (its snapshot, its log) is one deflated line, and the rest of its
 * hash is what indexes, purge and listings ask. Nobody writes to it any more, so whoever reads it whole pays for it, and
 * nobody else.
 *
 * The line lies in the hash, too, in pieces as long as Redis takes into a hash that is one string, under the names `0`, `1`
 * and so on (lua/compact.lua); there is no log any more. It is the name of the machine whose vocabulary was taken, or `-`, a
 * space, and deflated: how many entries the log has, a space, the trace, and the entries, each on a line of its own; then
 * the snapshot.
 */
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib';
import { z } from 'zod';
import type { MachineName } from './keys.ts';
import type { Packed } from './vocabulary.ts';

const deflatedElsewhere = promisify(deflateRaw);

/** In place of a machine's name: there was no vocabulary of it yet. */
const NO_VOCABULARY = '-';
/** What is not made smaller than this part of itself stays as it is. */
const WORTH = 0.75;
/** How a snapshot begins that is encrypted: by which key must stay legible, for whoever counts what a key opens (sealing-keys-by-url.ts). */
const SEALED = 's1.';
/** Handing a text to another thread costs more than deflating one as long as most are: so only long ones are handed over. */
export const LETTERS_HERE_MAX = 16_384;
const INFLATED_MAX = 64 * 1024 * 1024;
/** zlib's own settings are for long texts: to begin costs as much with them as a saga does. The window is a vocabulary's length. */
const DEFLATING: ZlibOptions = { level: 6, chunkSize: 1024, windowBits: 14, memLevel: 6 };

/** What most sagas of a machine have in common, by the name of that machine. */
export interface Vocabulary {
  readonly machine: MachineName;
  readonly bytes: Buffer;
}

/** The line of a saga; `null` where it is not worth it, or would not be read back as it is. */
export async function packed(saga: Packed, vocabulary: Vocabulary | null): Promise<Buffer | null> {
  const { snapshot, trace, lines } = saga;
  if (snapshot.startsWith(SEALED) || trace.includes('\n') || lines.some((line) => line.includes('\n')))
    return null;
  const text = [`${lines.length} ${trace}`, ...lines, snapshot].join('\n');
  const options = vocabulary === null ? DEFLATING : { ...DEFLATING, dictionary: vocabulary.bytes };
  const isLong = text.length > LETTERS_HERE_MAX;
  const bytes = isLong ? await deflatedElsewhere(text, options) : deflateRawSync(text, options);
  if (bytes.length > WORTH * text.length) return null;
  return Buffer.concat([Buffer.from(`${vocabulary?.machine ?? NO_VOCABULARY} `), bytes]);
}

/**
 * What is in a line; `null` where it cannot be read.
 * @param vocabularyOf what a machine's sagas have in common; where it is asked again, as the store has it by now
 */
export async function unpacked(
  line: Buffer,
  vocabularyOf: (machine: MachineName, isAgain: boolean) => Promise<Vocabulary | null>,
): Promise<Packed | null> {
  const space = line.indexOf(' ');
  const machine = line.toString('utf8', 0, Math.max(0, space));
  const bytes = line.subarray(space + 1);
  if (machine === NO_VOCABULARY) return inflated(bytes, null);
  // Where Redis has forgotten all and began anew, what is remembered is another's.
  return (
    inflated(bytes, await vocabularyOf(machine, false)) ?? inflated(bytes, await vocabularyOf(machine, true))
  );
}

/** The line in a hash; `null` where there is none. */
export function lineIn(hash: Readonly<Record<string, Buffer>>): Buffer | null {
  const pieces: Buffer[] = [];
  for (let piece = hash[0]; piece !== undefined; piece = hash[pieces.length]) pieces.push(piece);
  return pieces.length === 0 ? null : Buffer.concat(pieces);
}

function inflated(deflated: Buffer, vocabulary: Vocabulary | null): Packed | null {
  let text: string;
  try {
    const bytes = inflateRawSync(deflated, {
      maxOutputLength: INFLATED_MAX,
      ...(vocabulary && { dictionary: vocabulary.bytes }),
    });
    text = bytes.toString();
  } catch {
    return null;
  }
  const [head = '', ...rest] = text.split('\n');
  const [, count, trace = ''] = /^(\d{1,6}) (.*)$/.exec(head) ?? [];
  const lines = rest.slice(0, Number(count));
  const snapshot = rest.slice(Number(count));
  if (count === undefined || snapshot.length === 0) return null;
  return { snapshot: snapshot.join('\n'), trace, lines };
}

/** How a line begins that stood in the log's place: so sagas lay at rest before their line came into the hash. */
const BEFORE = 'z1 ';
const before = z.tuple([z.record(z.string(), z.string()), z.array(z.string())]);

export function isLineBefore(line: Buffer | string): boolean {
  return line.indexOf(BEFORE) === 0;
}

/**
 * What is in such a line; `null` where it cannot be read. Behind the machine's name JSON was deflated: the fields that went, by
 * their names, and the entries of the log.
 */
export async function unpackedBefore(
  line: Buffer,
  vocabularyOf: (machine: MachineName) => Promise<Buffer | null>,
): Promise<Packed | null> {
  const space = line.indexOf(' ', BEFORE.length);
  const machine = line.toString('utf8', BEFORE.length, space);
  const dictionary = machine === NO_VOCABULARY ? null : await vocabularyOf(machine as MachineName);
  try {
    const bytes = inflateRawSync(line.subarray(space + 1), {
      maxOutputLength: INFLATED_MAX,
      ...(dictionary && { dictionary }),
    });
    const [{ snapshot = '', trace = '' }, lines] = before.parse(JSON.parse(bytes.toString()));
    return { snapshot, trace, lines };
  } catch {
    return null;
  }
}
