/** What belongs together lights up together: a state of the chart, its lines of the log, its calls in time. */

export function highlight(): void {
  const light = ({ target }: Event) => {
    const at =
      target instanceof Element ? target.closest<HTMLElement>('[data-seq], [data-state], [data-step]') : null;
    show(at);
  };
  document.addEventListener('pointerover', light);
  document.addEventListener('focusin', light);
}

function show(at: HTMLElement | null): void {
  const hot = new Set(at === null ? [] : together(at));
  for (const one of document.querySelectorAll('.hot')) if (!hot.has(one)) one.classList.remove('hot');
  for (const one of hot) one.classList.add('hot');
}

function together(at: HTMLElement): Element[] {
  const { seq, state } = at.dataset;
  const line = seq === undefined ? null : document.querySelector<HTMLElement>(`.log tr[data-seq="${seq}"]`);
  if (line !== null)
    return [line, ...all('.bar', 'seq', seq), ...all('.chart .node', 'state', line.dataset.state)];
  if (state !== undefined) {
    const lines = all('.log tr', 'state', state);
    return [at, ...lines, ...lines.flatMap((one) => all('.bar', 'seq', one.dataset.seq))];
  }
  const { step, kind } = at.dataset;
  const isHere = (one: HTMLElement) =>
    kind === undefined || one.dataset.kind === kind || one.classList.contains(kind);
  return [at, ...all('.log tr, .chart .node', 'step', step).filter(isHere)];
}

function all(selector: string, name: string, value: string | undefined): HTMLElement[] {
  if (value === undefined) return [];
  return [...document.querySelectorAll<HTMLElement>(selector)].filter((one) => one.dataset[name] === value);
}
