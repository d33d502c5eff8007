/** A bar or a state that is clicked shows its calls, as its line of the log does. */

export function openDrawers(): void {
  document.addEventListener('click', ({ target }) => {
    if (!(target instanceof Element)) return;
    const at = target.closest<SVGElement>(
      '#timeline .bar[data-seq], #timeline [data-step], #chart .node[data-step]',
    );
    if (at === null) return;
    const { seq, step, kind } = at.dataset;
    const lines = [...document.querySelectorAll<HTMLElement>('.log tr')].filter((line) =>
      seq === undefined
        ? line.dataset.step?.split('/')[0] === step && (kind === undefined || line.dataset.kind === kind)
        : line.dataset.seq === seq,
    );
    lines.at(-1)?.querySelector<HTMLElement>('a[data-call]')?.click();
  });
}
