/** Forms that change what their own page shows: it stays, also where whoever answered the form is gone by then. */
import { open } from './dialogs.ts';
import { refresh } from './refresh.ts';
import { isDoubtful } from './truth.ts';

export function sendInPlace(): void {
  document.addEventListener('submit', async (event) => {
    const { target: form, submitter } = event;
    if (!(form instanceof HTMLFormElement) || form.dataset.inPlace === undefined) return;
    event.preventDefault();
    if (isDoubtful()) return;
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form, submitter)) body.append(name, String(value));
    const asked = { method: 'POST', body, headers: { accept: 'text/html' }, redirect: 'manual' } as const;
    const answer = await fetch(form.action, asked).catch(() => null);
    // Nobody was there to take it: the banner tells of that.
    if (answer === null) return;
    if (answer.status >= 400) tell(await answer.text());
    void refresh();
  });
}

/** Why nothing was done, as the page says it that a browser without a script would see. */
function tell(html: string): void {
  const said = new DOMParser().parseFromString(html, 'text/html').querySelector('main > *');
  if (said === null) return;
  for (const way of said.querySelectorAll('a.button')) way.setAttribute('data-close', '');
  open(said);
}
