/** Asks the server for this very page again and brings what is shown to it. */
import { keepFocus, keepPlace } from './keeping.ts';
import { setClock } from './moments.ts';
import { morph } from './morph.ts';

let running: Promise<void> | null = null;
let isWanted = false;

/** However often it is called, one request is under way, and one follows it where something came in between. */
export function refresh(url: string = location.href): Promise<void> {
  if (running !== null) {
    isWanted = true;
    return running;
  }
  running = load(url).finally(() => {
    running = null;
    if (!isWanted) return;
    isWanted = false;
    void refresh();
  });
  return running;
}

async function load(url: string): Promise<void> {
  const headers = { accept: 'text/html', 'saga-refresh': '1' };
  const response = await fetch(url, { headers }).catch(() => null);
  // While the coordinator or its store is away what is shown stays, and the banner says so.
  if (response === null || response.status >= 500) return;
  // The session has ended.
  if (response.redirected) return location.reload();
  const found = new DOMParser().parseFromString(await response.text(), 'text/html');
  const [shown, wanted] = [document.querySelector('main'), found.querySelector('main')];
  if (shown === null || wanted === null) return;
  // The reader has gone on to another moment meanwhile, which is asked for next.
  if (url !== location.href) {
    isWanted = true;
    return;
  }
  setClock(found);
  keepFocus(() => keepPlace(() => morph(shown, wanted)));
  document.dispatchEvent(new Event('refreshed'));
}
