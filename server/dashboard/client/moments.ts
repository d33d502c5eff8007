/** Moments by the server's clock, as a person reads them. The reader's own clock may be wrong. */

/** By how much the reader's clock is ahead of the server's. */
let ahead = 0;

/** Takes the time from what the server has just answered. */
export function setClock(from: ParentNode): void {
  const now = Number(from.querySelector<HTMLElement>('main')?.dataset.now ?? Number.NaN);
  if (Number.isFinite(now)) ahead = Date.now() - now;
}

export function now(): number {
  return Date.now() - ahead;
}

/** `20:03:11`, where the reader is. */
export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB');
}
