/** Keeps the reader's place and focus while what is shown changes. */

/** Room above the place that what stood there has left, in pixels. */
let room = 0;

/**
 * What a page has below its head stays where the reader sees it: what shrinks above leaves its room, and what grows takes
 * that first and then scrolls.
 */
export function keepPlace(change: () => void): void {
  const place = document.querySelector<HTMLElement>('[data-place]');
  const before = place?.getBoundingClientRect().top ?? 0;
  change();
  if (place === null) return;
  const moved = place.getBoundingClientRect().top - before;
  if (moved === 0) return;
  const left = Math.max(0, room - moved);
  place.style.paddingTop = left === 0 ? '' : `${left}px`;
  if (before < innerHeight) scrollBy(0, moved + left - room);
  room = left;
}

/** Focus on what is gone goes to what was around it, and not to the top of the page. */
export function keepFocus(change: () => void): void {
  const focused = document.activeElement;
  const around: Element[] = [];
  for (let one = focused; one !== null; one = one.parentElement) around.push(one);
  change();
  if (focused === null || focused.isConnected) return;
  const place = around.find((one) => one.isConnected);
  if (!(place instanceof HTMLElement) || place === document.body) return;
  if (!place.hasAttribute('tabindex')) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}
