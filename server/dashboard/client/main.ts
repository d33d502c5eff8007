/**
 * What a script adds to pages that work without one: they follow what happens, answer to keys, and show what belongs
 * together. It renders nothing itself but two plots; whatever changes is asked of the server as HTML.
 */
import { askAgain } from './again.ts';
import { openDialogs } from './dialogs.ts';
import { openDrawers } from './drawers.ts';
import { highlight } from './highlight.ts';
import { sendInPlace } from './in-place.ts';
import { listenToKeys } from './keys.ts';
import { guardLeaving } from './leave.ts';
import { follow } from './live.ts';
import { setClock } from './moments.ts';
import { glide } from './moving.ts';
import { countNeeds } from './needs.ts';
import { plotPulse } from './plots.ts';
import { pickRows } from './rows.ts';
import { scrub } from './scrubber.ts';
import { chooseTheme } from './theme.ts';
import { tickTimes } from './times.ts';
import { keepOff } from './truth.ts';
import { walkOn } from './walk.ts';

/** Long enough to be read while the page goes on changing beneath it. */
const NOTICE_MS = 10_000;

/** Then the next answer of the server comes without it: a reload is not another request. */
function forgetNotice(): void {
  const url = new URL(location.href);
  if (!url.searchParams.has('notice')) return;
  url.searchParams.delete('notice');
  history.replaceState(null, '', url);
}

function copyOnClick(): void {
  document.addEventListener('click', async ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLElement>('[data-copy]') : null;
    if (button === null) return;
    await navigator.clipboard.writeText(button.dataset.copy ?? '');
    const before = button.textContent;
    button.textContent = 'Copied';
    setTimeout(() => {
      button.textContent = before;
    }, 1500);
  });
}

/** What is nothing without a script; also where it came with an answer to it. */
function showOwn(): void {
  for (const only of document.querySelectorAll<HTMLElement>(
    '.copy, .scrubber input, #pick-all, #show-keys, #theme, #times',
  )) {
    only.hidden = false;
  }
}

showOwn();
document.addEventListener('refreshed', showOwn);
setClock(document);
keepOff();
setTimeout(forgetNotice, NOTICE_MS);
copyOnClick();
openDialogs();
openDrawers();
highlight();
listenToKeys();
pickRows();
scrub();
sendInPlace();
guardLeaving();
glide();
tickTimes();
chooseTheme();
plotPulse();
countNeeds();
void walkOn();
askAgain();
follow();
