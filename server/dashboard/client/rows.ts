/** Rows that are chosen for a retry of many. */

export function pickRows(): void {
  const button = document.querySelector<HTMLButtonElement>('#bulk-retry');
  if (button === null) return;
  const said = document.querySelector('#bulk-count');
  const boxes = () => [...document.querySelectorAll<HTMLInputElement>('input[name=saga][form=bulk]')];
  const tell = () => {
    const chosen = boxes().filter(({ checked }) => checked).length;
    button.disabled = chosen === 0;
    if (said !== null) said.textContent = chosen === 0 ? 'None chosen' : `${chosen} chosen`;
  };
  document.addEventListener('change', ({ target }) => {
    if (target instanceof HTMLInputElement && target.id === 'pick-all') {
      for (const box of boxes()) box.checked = target.checked;
    }
    tell();
  });
  document.addEventListener('refreshed', tell);
  tell();
}
