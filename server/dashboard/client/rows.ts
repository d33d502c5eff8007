/** Rows that are chosen for an act on many. What was chosen stays so while rows come, move, and leave the page. */

export function pickRows(): void {
  const form = document.querySelector<HTMLFormElement>('#bulk');
  if (form === null) return;
  const chosen = new Set<string>();
  const boxes = () => [
    ...document.querySelectorAll<HTMLInputElement>('input[type=checkbox][name=saga][form=bulk]'),
  ];
  const tell = () => {
    const shown = new Set(boxes().map(({ value }) => value));
    const away = [...chosen].filter((id) => !shown.has(id));
    for (const old of form.querySelectorAll('input[name=saga]')) old.remove();
    for (const id of away) form.append(hidden(id));
    const said = form.querySelector('#bulk-count');
    for (const button of form.querySelectorAll('button')) button.disabled = chosen.size === 0;
    if (said === null) return;
    const more = away.length === 0 ? '' : `, ${away.length} not on this page`;
    said.textContent = chosen.size === 0 ? 'None chosen' : `${chosen.size} chosen${more}`;
  };
  const choose = ({ value, checked }: HTMLInputElement) =>
    checked ? chosen.add(value) : chosen.delete(value);
  document.addEventListener('change', ({ target }) => {
    if (!(target instanceof HTMLInputElement)) return;
    if (target.id === 'pick-all') {
      for (const box of boxes()) {
        box.checked = target.checked;
        choose(box);
      }
    } else if (target.name === 'saga') choose(target);
    tell();
  });
  document.addEventListener('refreshed', () => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    tell();
  });
  // A browser that comes back to the page has kept what was chosen there.
  for (const box of boxes()) choose(box);
  tell();
}

/** Of a row that has left the page. */
function hidden(id: string): HTMLInputElement {
  const input = document.createElement('input');
  input.type = 'hidden';
  input.name = 'saga';
  input.value = id;
  return input;
}
