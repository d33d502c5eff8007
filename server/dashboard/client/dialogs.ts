/** Opens the pages that ask for a reason, and those that tell more, as dialogs over the page that led to them. */
import { whenAnswered } from './leave.ts';

/** One dialog at once, however often its link is clicked before it is there. */
let isOpening = false;

export function openDialogs(): void {
  openAnswers();
  document.addEventListener('click', async (event) => {
    const { target } = event;
    if (!(target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = target.closest<HTMLAnchorElement>('a[data-dialog]');
    if (link !== null) {
      event.preventDefault();
      if (isOpening) return;
      isOpening = true;
      const form = await contentOf(link.href);
      isOpening = false;
      if (form === null) await whenAnswered(() => location.assign(link.href));
      else open(form, link);
    }
    if (target.closest('dialog [data-close]')) {
      event.preventDefault();
      target.closest('dialog')?.close();
    }
  });
}

/** To be called before all that takes forms for itself. */
function openAnswers(): void {
  document.addEventListener('submit', async (event) => {
    const { target: form, submitter } = event;
    if (!(form instanceof HTMLFormElement) || form.dataset.dialog === undefined) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isOpening) return;
    isOpening = true;
    const body = new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
    const content = await contentOf(form.action, { method: 'POST', body });
    isOpening = false;
    if (content === null) await whenAnswered(() => form.submit());
    else open(content, submitter);
  });
}

async function contentOf(url: string, how: RequestInit = {}): Promise<Element | null> {
  const response = await fetch(url, { headers: { accept: 'text/html' }, ...how }).catch(() => null);
  if (response?.ok !== true || response.redirected) return null;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  return page.querySelector('#confirm, #drawer');
}

/** A dialog that is gone from the page when it is closed, and gives the focus back to what opened it. */
export function open(content: Element, from: HTMLElement | null = null): HTMLDialogElement {
  const dialog = document.createElement('dialog');
  dialog.append(document.importNode(content, true));
  const heading = dialog.querySelector('h1, h2');
  if (heading !== null) {
    heading.id = 'dialog-title';
    dialog.setAttribute('aria-labelledby', 'dialog-title');
  }
  dialog.addEventListener('close', () => {
    dialog.remove();
    from?.focus();
  });
  for (const one of dialog.querySelectorAll<HTMLElement>('.copy')) one.hidden = false;
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
