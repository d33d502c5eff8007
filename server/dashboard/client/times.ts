/** Keeps true what the server said of time: how long ago, for how long, in how long. */
import { span } from '../wording.ts';
import { now } from './moments.ts';
import { refresh } from './refresh.ts';
import { agoText, clockText, momentText, TIMES, TIMES_SAY, type Times, timesIn } from './time-words.ts';
import { isDoubtful } from './truth.ts';

const OFTEN_MS = 250;

let times: Times = 'ago';

export function tickTimes(): void {
  chooseTimes();
  setInterval(tick, OFTEN_MS);
  // Before it is drawn: what the server says is always how long ago.
  document.addEventListener('refreshed', sayMoments);
}

/** What the reader wants, and this browser remembers. */
function chooseTimes(): void {
  const button = document.querySelector<HTMLButtonElement>('#times');
  const said = button?.querySelector('span');
  const show = () => {
    if (said) said.textContent = TIMES_SAY[times];
    sayMoments();
  };
  try {
    times = timesIn(localStorage.getItem('times'));
  } catch {
    // Nothing is remembered here.
  }
  button?.addEventListener('click', () => {
    times = TIMES[(TIMES.indexOf(times) + 1) % TIMES.length] ?? 'ago';
    show();
    try {
      localStorage.setItem('times', times);
    } catch {
      // It is as wanted until the next page.
    }
  });
  show();
}

function tick(): void {
  if (document.visibilityState !== 'visible') return;
  sayMoments();
  // Whether it still goes on nobody knows now.
  if (isDoubtful()) return;
  const at = now();
  for (const one of document.querySelectorAll<HTMLElement>('[data-since]')) {
    say(one, span(at - Number(one.dataset.since)));
  }
  for (const one of document.querySelectorAll<HTMLElement>('[data-until]')) {
    const left = Number(one.dataset.until) - at;
    say(one, left > 0 ? `in ${span(left)}` : 'now');
  }
  for (const bar of document.querySelectorAll<SVGElement>('[data-grows]')) grow(bar, at);
}

function sayMoments(): void {
  const at = now();
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-ago]')) {
    const moment = Date.parse(time.dateTime);
    // The banner's has none until something is away.
    if (Number.isNaN(moment)) continue;
    const ago = agoText(at - moment);
    say(time, times === 'ago' ? ago : momentText(moment, times, at));
    const title = `${time.dateTime}, ${ago}`;
    if (time.title !== title) time.title = title;
  }
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-said]')) {
    say(time, times === 'ago' ? (time.dataset.said ?? '') : clockText(Date.parse(time.dateTime), times));
  }
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
