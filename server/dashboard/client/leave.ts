/** Leads away only where somebody answers: the browser's own page of an error would take from the reader what is shown. */
import { now } from './moments.ts';
import { doubt, isAnswered, isDoubtful } from './truth.ts';

/** Forms that were asked about, and go. */
const going = new WeakSet<HTMLFormElement>();
let isAsking = false;

/** To be called behind all that takes clicks and forms for itself. */
export function guardLeaving(): void {
  document.addEventListener('click', (event) => {
    const { target, button, ctrlKey, metaKey, shiftKey, altKey } = event;
    const link = target instanceof Element ? target.closest<HTMLAnchorElement>('a[href]') : null;
    if (link === null || event.defaultPrevented || button !== 0) return;
    if (ctrlKey || metaKey || shiftKey || altKey || link.target !== '') return;
    if (link.origin !== location.origin || isHere(link)) return;
    event.preventDefault();
    void whenAnswered(() => location.assign(link.href));
  });
  document.addEventListener('submit', (event) => {
    const { target: form, submitter, defaultPrevented } = event;
    if (defaultPrevented || !(form instanceof HTMLFormElement) || going.delete(form)) return;
    event.preventDefault();
    if (isDoubtful()) return;
    void whenAnswered(() => {
      going.add(form);
      form.requestSubmit(submitter);
    });
  });
}

/** Leads to a place of this page, and asks nobody. */
function isHere({ hash, pathname, search }: HTMLAnchorElement): boolean {
  return hash !== '' && pathname === location.pathname && search === location.search;
}

/** One thing at once: whoever clicks twice means the same. */
export async function whenAnswered(go: () => void): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  const at = now();
  const isThere = await isAnswered();
  isAsking = false;
  if (isThere) go();
  else doubt('coordinator', at);
}
