/** What is wrong with how a page lies in its window, as texts to be evaluated in it; nobody has to look. */

/** What reaches beyond the window, but for what scrolls by itself. */
export const BEYOND = `[...document.querySelectorAll('body *')]
  .filter((one) => one.parentElement.closest('svg, .scroll, pre, .hidden, .skip, [hidden], select') === null)
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
  .map((one) => one.outerHTML.slice(0, 200))`;

/**
 * Texts, fields and marks that lie on one another, as far as they are seen: what is clipped or scrolled away covers nothing. Of pictures
 * only their frame counts, and a mark that lies in a field, as the key of the search does, is meant.
 */
export const OVERLAPS = `(() => {
  const shown = [];
  const clips = new Map();
  const clipOf = (one) => {
    if (one === null || one === document.documentElement) return { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };
    const known = clips.get(one);
    if (known) return known;
    const outer = clipOf(one.parentElement);
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const isClipping = style.overflowX !== 'visible' || style.clipPath !== 'none';
    const found = isClipping ? meet(outer, box) : outer;
    clips.set(one, found);
    return found;
  };
  const meet = (a, b) => ({
    left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom),
  });
  const add = (owner, box, says) => {
    const seen = meet(clipOf(owner), box);
    if (seen.right - seen.left > 1 && seen.bottom - seen.top > 1) shown.push({ owner, says, ...seen });
  };
  const isAway = (one) => one.closest('svg, .hidden, .skip, [hidden], option, script, .search kbd') !== null || !one.checkVisibility({ visibilityProperty: true });
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    const owner = text.parentElement;
    if (text.data.trim() === '' || isAway(owner)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      // Letters fill some two thirds of their line.
      const ease = box.height / 6;
      add(owner, { left: box.left, right: box.right, top: box.top + ease, bottom: box.bottom - ease }, text.data.trim().slice(0, 60));
    }
  }
  for (const one of document.querySelectorAll('input, select, textarea, svg:not(svg svg), .badge, .button, i')) {
    if (one.parentElement.closest('.hidden, .skip, [hidden]') !== null || !one.checkVisibility({ visibilityProperty: true })) continue;
    add(one, one.getBoundingClientRect(), one.outerHTML.slice(0, 80));
  }
  shown.sort((a, b) => a.top - b.top);
  const found = new Set();
  shown.forEach((a, at) => {
    for (let next = at + 1; next < shown.length && shown[next].top < a.bottom - 1; next += 1) {
      const b = shown[next];
      if (a.owner.contains(b.owner) || b.owner.contains(a.owner)) continue;
      const lap = meet(a, b);
      if (lap.right - lap.left > 1.5 && lap.bottom - lap.top > 1.5) found.add(a.says + ' | ' + b.says);
    }
  });
  return [...found];
})()`;

/** What is closed keeps the layout of another width until it is opened, and is read when it is. */
export const OPEN = `document.querySelectorAll('details').forEach((one) => { one.open = true; })`;

/** Words that are short enough for any line and yet stand on two: whoever reads them must put them together. What is monospaced is as long as others made it. */
export const BROKEN = `(() => {
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    const owner = text.parentElement;
    if (owner.closest('svg, code, pre, .id, .hidden, .skip, [hidden], option, script') !== null || !owner.checkVisibility()) continue;
    // Its end is cut off with an ellipsis.
    if ([owner, owner.parentElement].some((one) => getComputedStyle(one).webkitLineClamp !== 'none')) continue;
    for (const { 0: word, index } of text.data.matchAll(/[A-Za-z0-9.,]{2,14}(?![A-Za-z0-9_])/g)) {
      if (/[A-Za-z0-9_]/.test(text.data[index - 1] ?? ' ')) continue;
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      const tops = new Set([...range.getClientRects()].filter(({ width }) => width > 0.5).map(({ top }) => Math.round(top)));
      if (tops.size > 1) found.add(word + ' in ' + text.data.trim().slice(0, 60));
    }
  }
  return [...found];
})()`;

/** Texts of a picture that reach out of its sides, and are cut off there. */
export const CUT = `[...document.querySelectorAll('svg text')].flatMap((text) => {
  const frame = text.ownerSVGElement.getBoundingClientRect();
  const box = text.getBoundingClientRect();
  if (box.width === 0) return [];
  return box.left > frame.left - 1 && box.right < frame.right + 1 ? [] : [text.textContent];
})`;

/** Rows of sagas that have more than two lines. */
export const ROWS = `[...document.querySelectorAll('table.sagas tr[data-row]')]
  .filter((row) => row.getBoundingClientRect().height > 70)
  .map((row) => row.textContent.slice(0, 80))`;
