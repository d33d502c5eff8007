/** Follows what happens, and says whether it does: live, paused by the reader, or without the store or the coordinator. */
import { now } from './moments.ts';
import { ownUrl } from './own-url.ts';
import { refresh } from './refresh.ts';
import { doubt, isAnswered, trust } from './truth.ts';

/** A page of many sagas is not asked for more often, however much happens. */
const APART_MS = { all: 1000, one: 150 } as const;
const AGAIN_MS = 2000;

type Connection = 'connecting' | 'live' | 'away' | 'reconnecting';
const WORDS: Readonly<Record<Connection | 'paused', string>> = {
  connecting: 'Connecting',
  live: 'Live',
  paused: 'Paused',
  away: 'Store away',
  reconnecting: 'Reconnecting',
};

export function follow(): void {
  // A page that follows nothing can be asked for again, too.
  document.addEventListener('answered', () => {
    trust();
    void refresh();
  });
  const { follows, position } = document.body.dataset;
  const button = document.querySelector<HTMLButtonElement>('#live');
  if (follows === undefined || follows === 'none' || button === null) return;
  const isOne = follows !== 'all';
  const path = isOne ? `api/coordinator/sagas/${follows}/events` : 'api/coordinator/events';
  const word = button.querySelector('.word');
  let paused = false;
  let connection: Connection = 'connecting';
  /** Up to where what is shown has everything in it, if all that was told since was asked for. */
  let known = position;
  /** Something was told while the reader did not look. */
  let isBehind = false;

  const show = () => {
    const state = paused && connection === 'live' ? 'paused' : connection;
    button.className = `live is-${state}`;
    button.title = paused ? 'Follow again' : 'Pause';
    if (word !== null) word.textContent = WORDS[state];
  };
  const change = spaced(APART_MS[isOne ? 'one' : 'all'], () => {
    isBehind = paused || document.visibilityState !== 'visible';
    if (!isBehind) void refresh();
  });
  const catchUp = () => {
    if (isBehind) change();
  };

  const connect = () => {
    const source = new EventSource(ownUrl(path));
    const arrived = ({ type, data, lastEventId }: MessageEvent<string>) => {
      const isShown = type === 'ready' && (isOne ? isAt(data) : lastEventId === known);
      known = lastEventId;
      connection = 'live';
      trust();
      show();
      if (!isShown) change();
    };
    for (const type of ['ready', 'gap', 'saga']) source.addEventListener(type, arrived);
    source.addEventListener('store', ({ data }: MessageEvent<string>) => {
      const { reachable } = JSON.parse(data) as { readonly reachable: boolean };
      connection = reachable ? 'live' : 'away';
      show();
      if (!reachable) return doubt('store', now());
      trust();
      change();
    });
    source.addEventListener('error', async () => {
      const at = now();
      // After a refusal the browser gives up by itself, and a coordinator that restarts refuses for a moment.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
      connection = 'reconnecting';
      show();
      if (!(await isAnswered()) && connection === 'reconnecting') doubt('coordinator', at);
    });
  };

  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    show();
    catchUp();
  });
  document.addEventListener('visibilitychange', catchUp);
  show();
  connect();
}

/** Whether what is shown of a saga is how it stands. */
function isAt(data: string): boolean {
  const { seq } = JSON.parse(data) as { readonly seq?: number };
  return String(seq) === document.querySelector<HTMLElement>('#head')?.dataset.seq;
}

/** Does it at once, and then at most once in a while; what is asked for meanwhile is done at the end of it. */
function spaced(apartMs: number, work: () => void): () => void {
  let timer: number | undefined;
  let asked = false;
  const run = () => {
    asked = false;
    work();
    timer = setTimeout(() => {
      timer = undefined;
      if (asked) run();
    }, apartMs);
  };
  return () => {
    asked = true;
    if (timer === undefined) run();
  };
}
