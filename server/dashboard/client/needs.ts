/** Says in the title and on the icon of the page how many sagas need a person: also, and above all, while nobody looks at it. */
import { ownUrl } from './own-url.ts';

const EVERY_MS = 30_000;

export function countNeeds(): void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  // A page before the door is told nothing.
  if (icon === null || document.querySelector('header nav') === null) return;
  const title = document.title.replace(/^\([\d,.]+\) /, '');
  const calm = icon.href;
  const look = async () => {
    const response = await fetch(ownUrl('pulse')).catch(() => null);
    if (response?.ok !== true || response.redirected) return;
    const { parked } = (await response.json()) as { readonly parked: number };
    document.title = parked === 0 ? title : `(${parked.toLocaleString('en')}) ${title}`;
    icon.href = parked === 0 ? calm : ownUrl('assets/icon-needed.svg').href;
  };
  void look();
  setInterval(look, EVERY_MS);
}
