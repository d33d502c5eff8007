/**
 * What a stream of events consists of, as bytes. What many are told is written out once and shared by all of their streams,
 * so that one more costs a write and neither time nor memory for the text.
 */
import type { Notice, Watch } from '../engine/contract.ts';

/** Often enough that no proxy takes the connection for a dead one. */
const HEARTBEAT_MS = 15_000;
/** When a client that lost its connection should come back. */
const RETRY_MS = 2_000;

const encoder = new TextEncoder();
const texts = new WeakMap<Notice, string>();
const chunks = new WeakMap<readonly Notice[], Uint8Array>();

/**
 * Until the coordinator drains, the client goes, or has taken less than came.
 * @param standing is asked only when the watch has begun: what is written after that is told, and what came before is in it
 */
export async function* chunksOf(
  watch: Watch,
  standing: () => Promise<object>,
): AsyncGenerator<Uint8Array, undefined> {
  let told = '';
  for (;;) {
    const notices = await watch.next(HEARTBEAT_MS);
    if (notices === null) return undefined;
    if (notices === 'late') {
      // By its last id it goes on where it was, and reads at its own pace what it missed.
      yield encoder.encode(`:\nretry: ${RETRY_MS}\n\n`);
      return undefined;
    }
    if (notices === 'nothing') {
      // Whoever watches one saga goes on from here, and not from its last event, which may be long gone by then. Where
      // nothing has moved no id is told again: some clients hand such a thing on as an event that is empty.
      const { position } = watch;
      yield encoder.encode(position === told ? ':\n\n' : `:\nid: ${position}\n\n`);
      told = position;
      continue;
    }
    const [first] = notices;
    yield first?.kind === 'ready'
      ? encoder.encode(eventOf(first, JSON.stringify(await standing()), `\nretry: ${RETRY_MS}`))
      : chunkOf(notices);
    const last = notices.at(-1);
    if (last !== undefined && 'position' in last) told = last.position;
  }
}

function chunkOf(notices: readonly Notice[]): Uint8Array {
  const known = chunks.get(notices);
  if (known !== undefined) return known;
  const chunk = encoder.encode(notices.map(textOf).join(''));
  chunks.set(notices, chunk);
  return chunk;
}

/** Of one list many make others, each for those who watch one saga. */
function textOf(notice: Notice): string {
  const known = texts.get(notice);
  if (known !== undefined) return known;
  const text = eventOf(notice, dataOf(notice));
  texts.set(notice, text);
  return text;
}

function dataOf(notice: Notice): string {
  if (notice.kind === 'store') return JSON.stringify({ reachable: notice.isReachable });
  if (notice.kind !== 'saga') return '{}';
  const { id: saga_id, seq, state, status } = notice;
  return JSON.stringify({ saga_id, seq, state, status });
}

function eventOf(notice: Notice, data: string, more = ''): string {
  // What has no place in the feed has no id: whoever comes again goes on from where it was.
  const id = 'position' in notice ? `\nid: ${notice.position}` : '';
  return `event: ${notice.kind}\ndata: ${data}${id}${more}\n\n`;
}
