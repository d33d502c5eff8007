/** The word that was meant. */

/** The known word that is spelled nearest, or that begins so; `null` where none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  const beginning = word.length < 2 ? [] : known.filter((one) => one.startsWith(word));
  if (beginning.length === 1) return beginning[0] ?? null;
  const most = word.length < 4 ? 1 : 2;
  const [first] = known
    .map((one) => ({ one, apart: apart(word, one) }))
    .filter((found) => found.apart <= most)
    .sort((a, b) => a.apart - b.apart);
  return first?.one ?? null;
}

/** `; did you mean X?`, or nothing. */
export function meant(word: string, known: readonly string[]): string {
  const found = nearest(word, known);
  return found === null ? '' : `; did you mean ${found}?`;
}

/** How many letters were added, left out or changed (Levenshtein); two that changed places are two. */
function apart(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const changed = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min((row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, changed));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
