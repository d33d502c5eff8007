/** The slider through a saga's past: each place is a page of the server, asked for while the slider moves. */
import { refresh } from './refresh.ts';

export function scrub(): void {
  document.addEventListener('input', ({ target }) => {
    if (!(target instanceof HTMLInputElement) || target.closest('.scrubber') === null) return;
    const url = new URL(location.href);
    if (target.value === target.max) url.searchParams.delete('at');
    else url.searchParams.set('at', target.value);
    history.replaceState(null, '', url);
    void refresh();
  });
  document.addEventListener('click', (event) => {
    const link =
      event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('#chart a, .log a') : null;
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, '', link.href);
    void refresh();
  });
}
