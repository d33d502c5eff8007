/** What a definition's own functions do, asked so that their bugs are told apart from ours. */

/** A function of a definition has thrown, or answered nonsense: a bug of that saga alone. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';
  /** The part whose function it was: a step, or a wait or a choice. */
  readonly part: string;

  constructor(part: string, what: string, cause: unknown) {
    const says = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`${what} of ${part}: ${says}`, { cause });
    this.part = part;
  }
}

/** @throws DefinitionError where the function throws */
export function defined<T>(part: string, what: string, ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw error instanceof DefinitionError ? error : new DefinitionError(part, what, error);
  }
}
