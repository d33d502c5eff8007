/** Follows what happens, and says whether it does: live, paused by the reader, or trying to reach a coordinator (again). */
import { ownUrl } from './own-url.ts';
import { refresh } from './refresh.ts';

/** A page of many sagas is not asked for more often, however much happens. */
const APART_MS = { all: 1000, one: 150 } as const;
const AGAIN_MS = 2000;

type State = 'connecting' | 'live' | 'paused' | 'reconnecting';
const WORDS: Readonly<Record<State, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  paused: 'Paused',
  reconnecting: 'Reconnecting',
};

export function follow(): void {
  const follows = document.body.dataset.follows;
  const button = document.querySelector<HTMLButtonElement>('#live');
  if (follows === undefined || follows === 'none' || button === null) return;
  const isOne = follows !== 'all';
  const path = isOne ? `api/coordinator/sagas/${follows}/events` : 'api/coordinator/events';
  const word = button.querySelector('.word');
  let paused = false;
  let connection: 'connecting' | 'live' | 'reconnecting' = 'connecting';

  const show = () => {
    const state: State = paused ? 'paused' : connection;
    button.className = `live is-${state}`;
    button.title = paused ? 'Follow again' : 'Pause';
    if (word !== null) word.textContent = WORDS[state];
  };
  const change = spaced(APART_MS[isOne ? 'one' : 'all'], () => {
    if (!paused && document.visibilityState === 'visible') void refresh();
  });

  const connect = () => {
    const source = new EventSource(ownUrl(path));
    const arrived = () => {
      connection = 'live';
      show();
      change();
    };
    source.addEventListener('ready', arrived);
    source.addEventListener('gap', arrived);
    source.addEventListener('saga', arrived);
    source.addEventListener('error', () => {
      connection = 'reconnecting';
      show();
      // After a refusal the browser gives up by itself, and a coordinator that restarts refuses for a moment.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
    });
  };

  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    show();
    change();
  });
  document.addEventListener('visibilitychange', change);
  show();
  connect();
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
