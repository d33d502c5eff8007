/** Keeps `3 s ago` true between two answers of the server. */
import { span } from '../wording.ts';

export function tickTimes(): void {
  setInterval(() => {
    for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-ago]')) {
      const ms = Date.now() - Date.parse(time.dateTime);
      const said = ms < 1000 ? 'just now' : `${span(ms)} ago`;
      if (time.textContent !== said) time.textContent = said;
    }
  }, 1000);
}
