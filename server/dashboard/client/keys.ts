/** Everything that the pages can be asked by keyboard. */
import { open } from './dialogs.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'find a saga'],
  ['j', 'next row'],
  ['k', 'row before'],
  ['Enter', 'open the row'],
  ['x', 'choose the row'],
  ['p', 'pause, or follow again'],
  ['?', 'this list'],
];

export function listenToKeys(): void {
  document.querySelector('#show-keys')?.addEventListener('click', list);
  document.addEventListener('keydown', (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const isTyping =
      target instanceof HTMLElement && target.matches('textarea, select, input:not([type=checkbox])');
    if (isTyping) return;
    if (press(key, target)) event.preventDefault();
  });
}

/** Whether the key means something here. */
function press(key: string, target: EventTarget | null): boolean {
  switch (key) {
    case '/':
      document.querySelector<HTMLElement>('[data-key="/"]')?.focus();
      return true;
    case 'j':
      return move(1);
    case 'k':
      return move(-1);
    case 'Enter': {
      // A link or a button that has the focus knows by itself what to do.
      if (target instanceof Element && target.closest('a, button, summary')) return false;
      const link = here()?.querySelector<HTMLElement>('a');
      link?.click();
      return link != null;
    }
    case 'x':
      here()?.querySelector<HTMLElement>('input[type=checkbox]')?.click();
      return true;
    case 'p':
      document.querySelector<HTMLElement>('#live')?.click();
      return true;
    case '?':
      list();
      return true;
    default:
      return false;
  }
}

function here(): Element | null {
  return document.querySelector('tr.here');
}

function move(by: number): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('tr[data-row]')];
  const now = here() as HTMLElement | null;
  const index = now === null ? (by > 0 ? 0 : rows.length - 1) : rows.indexOf(now) + by;
  const next = rows[Math.max(0, Math.min(rows.length - 1, index))];
  if (next === undefined) return false;
  now?.classList.remove('here');
  next.classList.add('here');
  next.querySelector<HTMLElement>('a')?.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
  return true;
}

function list(): void {
  const card = document.createElement('div');
  card.className = 'card keys';
  const heading = document.createElement('h2');
  heading.textContent = 'Keyboard';
  const items = document.createElement('ul');
  for (const [key, does] of KEYS) {
    const item = document.createElement('li');
    const name = document.createElement('kbd');
    name.textContent = key;
    item.append(name, ` ${does}`);
    items.append(item);
  }
  card.append(heading, items);
  open(card);
}
