/** Keeps true what the server said of time: how long ago, for how long, in how long. */
import { span } from '../wording.ts';
import { now } from './moments.ts';
import { refresh } from './refresh.ts';
import { isDoubtful } from './truth.ts';

const OFTEN_MS = 250;

export function tickTimes(): void {
  setInterval(() => {
    if (document.visibilityState !== 'visible') return;
    const at = now();
    for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-ago]')) {
      const ms = at - Date.parse(time.dateTime);
      say(time, ms < 1000 ? 'just now' : `${span(ms)} ago`);
    }
    // Whether it still goes on nobody knows now.
    if (isDoubtful()) return;
    for (const one of document.querySelectorAll<HTMLElement>('[data-since]')) {
      say(one, span(at - Number(one.dataset.since)));
    }
    for (const one of document.querySelectorAll<HTMLElement>('[data-until]')) {
      const left = Number(one.dataset.until) - at;
      say(one, left > 0 ? `in ${span(left)}` : 'now');
    }
    for (const bar of document.querySelectorAll<SVGElement>('[data-grows]')) grow(bar, at);
  }, OFTEN_MS);
}

function say(one: Element, text: string): void {
  if (one.textContent !== text) one.textContent = text;
}

/** A call under way has room before it up to `most`; behind that the server draws to another scale. */
function grow(bar: SVGElement, at: number): void {
  const [from = 0, rate = 0, x = 0, most = 0] = (bar.dataset.grows ?? '').split(' ').map(Number);
  const width = Math.max(3, (at - from) * rate);
  if (width > most) {
    if (bar.dataset.full === undefined) void refresh();
    bar.dataset.full = '';
    return;
  }
  bar.querySelector('rect')?.setAttribute('width', width.toFixed(1));
  bar.querySelector('text')?.setAttribute('x', (x + width + 4).toFixed(1));
}
