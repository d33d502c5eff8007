/** Goes on through sagas that no index has, a page after the other, and puts what is found beneath what is shown. */

const PAGE = 50;

export async function walkOn(): Promise<void> {
  for (;;) {
    const link = document.querySelector<HTMLAnchorElement>('#walk a[rel=next]');
    const rows = document.querySelector('#rows');
    if (link === null || rows === null || rows.querySelectorAll('tbody tr').length >= PAGE) return;
    link.textContent = 'Going on';
    const response = await fetch(link.href, { headers: { accept: 'text/html' } }).catch(() => null);
    // The link is there for whoever wants to try again.
    if (response === null || !response.ok || response.redirected) return;
    const found = new DOMParser().parseFromString(await response.text(), 'text/html');
    const body = rows.querySelector('tbody');
    const more = [...found.querySelectorAll('#rows tbody tr')];
    if (body !== null) body.append(...more);
    else rows.replaceChildren(...(found.querySelector('#rows')?.childNodes ?? []));
    for (const id of ['#walk', '#pager']) {
      const next = found.querySelector(id);
      if (next !== null) document.querySelector(id)?.replaceWith(next);
    }
  }
}
