/** Whether what is shown is so now. Where nobody can say, the page tells of when it is, and asks for nothing meanwhile. */
import { clockTime } from './moments.ts';
import { ownUrl } from './own-url.ts';

/** What is away. */
export type Away = 'coordinator' | 'store';

const SAYS: Readonly<Record<Away, string>> = {
  coordinator: 'The coordinator does not answer.',
  store: 'The coordinator does not reach its store.',
};
const AGAIN_MS = 2000;
/** What would ask for something. */
const OFF =
  'main .button:not(.off), main button:not(.copy), dialog .button:not([data-close]), .scrubber input';

let away: Away | null = null;

export function isDoubtful(): boolean {
  return away !== null;
}

/** @param at the moment of which it is known how things stood */
export function doubt(what: Away, at: number): void {
  const banner = document.querySelector<HTMLElement>('#banner');
  if (banner === null || away === what) return;
  const isNew = away === null;
  away = what;
  document.body.dataset.away = what;
  const says = banner.querySelector('strong');
  if (says !== null) says.textContent = SAYS[what];
  const moment = new Date(at).toISOString();
  const [clock, ago] = isNew ? banner.querySelectorAll('time') : [];
  for (const time of [clock, ago]) time?.setAttribute('datetime', moment);
  if (clock !== undefined) clock.textContent = clockTime(at);
  if (ago !== undefined) ago.textContent = 'just now';
  banner.hidden = false;
  markOff();
  if (what === 'coordinator') setTimeout(ask, AGAIN_MS);
}

export function trust(): void {
  if (away === null) return;
  away = null;
  delete document.body.dataset.away;
  const banner = document.querySelector<HTMLElement>('#banner');
  if (banner !== null) banner.hidden = true;
  markOff();
}

/** Whether anybody is there who answers, however late. */
export async function isAnswered(): Promise<boolean> {
  return fetch(ownUrl('livez'), { cache: 'no-store' }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Until it answers: a page that follows nothing would not hear of it otherwise. */
async function ask(): Promise<void> {
  if (away !== 'coordinator') return;
  if (await isAnswered()) document.dispatchEvent(new Event('answered'));
  else setTimeout(ask, AGAIN_MS);
}

/** Off are only those that were not so by themselves. */
function markOff(): void {
  for (const one of document.querySelectorAll(OFF)) {
    if (away === null) one.removeAttribute('aria-disabled');
    else one.setAttribute('aria-disabled', 'true');
    if (one instanceof HTMLInputElement) one.disabled = away !== null;
  }
}

/** Before whatever else listens to a click. */
export function keepOff(): void {
  const refuse = (event: Event) => {
    const { target } = event;
    if (away === null || !(target instanceof Element) || target.closest(OFF) === null) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener('click', refuse, true);
  document.addEventListener('refreshed', markOff);
}
