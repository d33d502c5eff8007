/** Who looks on all the while: clients that follow the events, and browsers in which the dashboard stands open. */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, type Dispatcher } from 'undici';
import type { Dice } from '../chaos/dice.ts';
import type { Member } from '../chaos/fleet.ts';

const AGAIN_MS = { least: 200, most: 1500 } as const;
/** How long somebody looks at a page. */
const LOOK_MS = { least: 2_000, most: 20_000 } as const;
const ANSWER_MS = 15_000;

export interface Onlookers {
  /** Sagas of which the events have told that they have ended. */
  readonly ended: ReadonlySet<string>;
  readonly tally: {
    events: number;
    gaps: number;
    /** Streams that ended, and were followed on from where they were at whichever coordinator. */
    resumed: number;
    pages: number;
    /** Answers that the store is away, or that it drains; anything else is unexpected. */
    refused: number;
  };
  readonly unexpected: readonly string[];
  end(): Promise<void>;
}

interface Event {
  readonly name: string;
  readonly id: string;
  readonly data: string;
}

/** @param sagaIds of which one is looked at now and then */
export function beginLooking(
  fleet: readonly Member[],
  sagaIds: () => readonly string[],
  dice: Dice,
  { watchers, browsers }: { readonly watchers: number; readonly browsers: number },
): Onlookers {
  const agent = new Agent({ headersTimeout: ANSWER_MS, bodyTimeout: 60_000, connections: 8 });
  const over = new AbortController();
  const ended = new Set<string>();
  const tally = { events: 0, gaps: 0, resumed: 0, pages: 0, refused: 0 };
  const unexpected: string[] = [];

  const get = async (url: string, path: string, headers = {}, signal = over.signal) => {
    const { statusCode, body } = await agent.request({ origin: url, path, method: 'GET', headers, signal });
    if (statusCode === 503) tally.refused += 1;
    else if (statusCode !== 200 && statusCode !== 404) unexpected.push(`${path} is answered ${statusCode}`);
    return { statusCode, body };
  };

  /** Follows the events of all, as often as the stream ends; what came while nobody listened is told first. */
  const follow = async (hear: (event: Event) => void) => {
    let last = '';
    while (!over.signal.aborted) {
      try {
        const headers = last === '' ? {} : { 'last-event-id': last };
        const { statusCode, body } = await get(dice.pick(fleet).url, '/api/coordinator/events', headers);
        if (statusCode !== 200) await body.dump();
        else
          for await (const event of eventsIn(body)) {
            last = event.id === '' ? last : event.id;
            hear(event);
          }
      } catch {
        // A coordinator that was killed, or is stopped: another has the same events.
      }
      tally.resumed += 1;
      await rest(AGAIN_MS);
    }
  };

  const hear = ({ name, data }: Event) => {
    if (name === 'gap') tally.gaps += 1;
    if (name !== 'saga') return;
    tally.events += 1;
    const { saga_id, status } = JSON.parse(data) as { saga_id: string; status: string };
    if (status === 'COMPLETED' || status === 'FAILED') ended.add(saga_id);
  };

  const rest = (ms: { readonly least: number; readonly most: number }) =>
    pause(dice.whole(ms.least, ms.most), undefined, { signal: over.signal }).catch(() => {});

  /** A page with what it needs, then its stream for as long as somebody looks, and for each change the page again. */
  const browse = async () => {
    while (!over.signal.aborted) {
      const { url } = dice.pick(fleet);
      const [id] = [sagaIds().at(-1 - dice.whole(0, 50))];
      const isOne = id !== undefined && dice.chance(0.5);
      const path = isOne ? `/sagas/${id}` : dice.pick(['/', '/sagas', '/sagas?status=ABORTED', '/machines']);
      const stream = isOne ? `/api/coordinator/sagas/${id}/events` : '/api/coordinator/events';
      const looked = AbortSignal.any([
        over.signal,
        AbortSignal.timeout(dice.whole(LOOK_MS.least, LOOK_MS.most)),
      ]);
      try {
        const { body } = await get(url, path, { accept: 'text/html' });
        const html = await body.text();
        tally.pages += 1;
        const assets = [...html.matchAll(/(?:src|href)="([^"]*\/?assets\/[^"]+)"/g)].map(
          ([, asset]) => asset,
        );
        for (const asset of assets) await (await get(url, `/${asset?.replace(/^(\.*\/)*/, '')}`)).body.dump();
        const { body: events } = await get(url, stream, {}, looked);
        let at = 0;
        for await (const { name } of eventsIn(events)) {
          // As the page's own script: not more than once a second.
          if (name !== 'saga' || performance.now() - at < 1000) continue;
          at = performance.now();
          await (await get(url, path, {}, looked)).body.dump();
          tally.pages += 1;
        }
      } catch {
        // It has looked enough, or its coordinator is away.
      }
      await rest(AGAIN_MS);
    }
  };

  const looking = [
    ...Array.from({ length: watchers }, () => follow(hear)),
    ...Array.from({ length: browsers }, browse),
  ];
  return {
    ended,
    tally,
    unexpected,
    async end() {
      over.abort();
      await Promise.all(looking);
      await agent.destroy();
    },
  };
}

async function* eventsIn(body: Dispatcher.ResponseData['body']): AsyncGenerator<Event> {
  let rest = '';
  for await (const chunk of body.setEncoding('utf8')) {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1] ?? '';
      yield { name: field('event'), id: field('id'), data: field('data') };
    }
  }
}
