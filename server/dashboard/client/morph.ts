/**
 * Brings what is shown to what the server says, changing as little as it can: focus, what was typed or chosen, opened
 * details and the reader's place stay.
 */

/** What the script has set is its own. */
const OURS = new Set(['hidden', 'open', 'style', 'disabled', 'aria-disabled']);

export function morph(shown: Element, wanted: Element): void {
  if (shown instanceof HTMLElement && shown.dataset.keep !== undefined) return;
  if (shown.outerHTML === wanted.outerHTML) return;
  for (const { name } of [...shown.attributes]) {
    if (!OURS.has(name) && !wanted.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of [...wanted.attributes]) {
    if (!OURS.has(name) && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  take(shown, wanted);
  if (shown instanceof HTMLTextAreaElement || shown instanceof HTMLSelectElement) return;
  morphChildren(shown, wanted);
}

/** Where a slider stands is no attribute. One that is being dragged is its reader's. */
function take(shown: Element, wanted: Element): void {
  if (!(shown instanceof HTMLInputElement) || shown.type !== 'range' || shown.matches(':active')) return;
  shown.value = (wanted as HTMLInputElement).value;
}

function morphChildren(shown: Element, wanted: Element): void {
  const named = new Map([...shown.children].flatMap((child) => (child.id === '' ? [] : [[child.id, child]])));
  let at: ChildNode | null = shown.firstChild;
  for (const next of [...wanted.childNodes]) {
    const twin = next instanceof Element && next.id !== '' ? named.get(next.id) : undefined;
    if (twin !== undefined && twin !== at) {
      shown.insertBefore(twin, at);
      at = twin;
    }
    if (at === null) {
      shown.append(document.importNode(next, true));
      continue;
    }
    const here: ChildNode = at;
    const isAlike = isSameKind(here, next);
    // Something that stays further down must not be turned into something else up here.
    // What has its name and is of another kind takes its place, and nothing below it moves.
    const isNeeded =
      here instanceof Element &&
      here !== twin &&
      here.id !== '' &&
      wanted.querySelector(`:scope > #${CSS.escape(here.id)}`);
    if (!isAlike && isNeeded) {
      shown.insertBefore(document.importNode(next, true), here);
      continue;
    }
    at = here.nextSibling;
    if (!isAlike) here.replaceWith(document.importNode(next, true));
    else if (here instanceof Element) morph(here, next as Element);
    else if (here.nodeValue !== next.nodeValue) here.nodeValue = next.nodeValue;
  }
  while (at !== null) {
    const gone: ChildNode = at;
    at = gone.nextSibling;
    gone.remove();
  }
}

function isSameKind(a: ChildNode, b: ChildNode): boolean {
  if (!(a instanceof Element) || !(b instanceof Element)) return a.nodeType === b.nodeType;
  return a.tagName === b.tagName && a.id === b.id;
}
