/** Who takes part. */

/** The floors always do, since everyone else is compared with them. */
const ALWAYS = ['floor', 'floor + SET'];

/**
 * Those whose names begin with one of these words, in small letters or capitals; all where none is given.
 *
 * @throws a word with which no name begins
 */
export function chosenBy(words: readonly string[], names: readonly string[]): (name: string) => boolean {
  const begins = (name: string, word: string) => name.toLowerCase().startsWith(word.toLowerCase());
  for (const word of words) {
    if (!names.some((name) => begins(name, word)))
      throw new Error(`--only ${word}: nobody is called that, but ${names.join('; ')}`);
  }
  return (name) => words.length === 0 || ALWAYS.includes(name) || words.some((word) => begins(name, word));
}
