/** The indexes of all partitions read as one, newest first. */
import { newestFirst } from '../paging.ts';
import { isUuid, uuidOf } from '../partition.ts';

/** One index: members of one partition, which share a prefix and therefore sort by age. */
export interface Source {
  readonly key: string;
  /** What the partition's ids begin with. */
  readonly prefix: string;
  /** What stands before the id in those members that are read; nothing unless said. */
  readonly begins?: string;
  /** What those ids begin with that are asked for; all are unless said. */
  readonly least?: string | undefined;
}

/** ZREVRANGEBYLEX: members of an index below `max` and not below `min`, greatest first. */
type ReadDown = (key: string, max: string, min: string, count: number) => Promise<string[]>;

interface Reader extends Source {
  max: string;
  readonly ahead: string[];
  exhausted: boolean;
}

/**
 * Ids below a UUID (or all), newest first, each once, read lazily in chunks of `chunk` an index. Reading goes by
 * value and not by rank, so ids that come or go meanwhile shift nothing.
 */
export async function* newestIds(
  read: ReadDown,
  sources: readonly Source[],
  below: string | null,
  chunk: number,
): AsyncGenerator<string, undefined> {
  const readers: Reader[] = sources.map((source) => ({
    ...source,
    max: below === null ? endOf(source) : `(${source.begins ?? ''}${source.prefix}${below}`,
    ahead: [],
    exhausted: false,
  }));

  const refill = async (reader: Reader): Promise<void> => {
    while (reader.ahead.length === 0 && !reader.exhausted) {
      const { begins = '', least = '' } = reader;
      const from = `${begins}${least}`;
      const members = await read(reader.key, reader.max, from === '' ? '-' : `[${from}`, chunk);
      const ids = members.map((member) => member.slice(begins.length));
      // What somebody else put there is no saga: a listing could not even go on behind it.
      reader.ahead.push(...ids.filter((id) => id.startsWith(reader.prefix) && isUuid(uuidOf(id))));
      reader.max = `(${members.at(-1)}`;
      reader.exhausted = ids.length < chunk;
    }
  };

  let last: string | undefined;
  for (;;) {
    const dry = readers.filter(({ ahead, exhausted }) => ahead.length === 0 && !exhausted);
    if (dry.length > 0) await Promise.all(dry.map(refill));
    const next = readers
      .filter(({ ahead }) => ahead.length > 0)
      .reduce<Reader | null>((newest, reader) => (isNewer(reader, newest) ? reader : newest), null);
    const id = next?.ahead.shift();
    if (id === undefined) return;
    // A saga that changed its status between two reads stands in both indexes' answers.
    if (id !== last) yield id;
    last = id;
  }
}

/** Beyond all ids. */
function endOf({ begins = '' }: Source): string {
  return begins === '' ? '+' : `(${begins}~`;
}

function isNewer(reader: Reader, than: Reader | null): boolean {
  return than === null || newestFirst(reader.ahead[0] ?? '', than.ahead[0] ?? '') < 0;
}
