/** Lets an eye follow what goes from one place of a page to another: it glides there, unless its reader wants no movement. */

const GLIDE_MS = 700;

export function glide(): void {
  const stage = document.querySelector<HTMLElement>('#lanes');
  if (stage === null || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  let before = places(stage);
  document.addEventListener('refreshed', () => {
    const after = places(stage);
    for (const [id, to] of after) {
      const from = before.get(id);
      if (from === undefined || from.lane === to.lane) continue;
      const by = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
      to.mark.animate([{ transform: by }, { transform: 'none' }], {
        duration: GLIDE_MS,
        easing: 'ease-in-out',
      });
    }
    before = after;
  });
}

/** Where each mark stands, within the stage. */
function places(stage: HTMLElement) {
  const origin = stage.getBoundingClientRect();
  return new Map(
    [...stage.querySelectorAll<HTMLElement>('li[id^="mark-"]')].map((mark) => {
      const { left, top } = mark.getBoundingClientRect();
      const lane = mark.closest('.lane')?.id;
      return [mark.id, { mark, lane, left: left - origin.left, top: top - origin.top }];
    }),
  );
}
