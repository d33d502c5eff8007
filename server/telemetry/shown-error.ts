/**
 * An error as it may be written down: name, message, stack, code and what caused it, and nothing else. Clients of other
 * systems hang on their errors whatever they had in hand, a command's arguments or a request's headers, and so would write
 * a customer's data into the log.
 */
export interface ShownError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: ShownError | string;
  readonly errors?: readonly (ShownError | string)[];
}

/** Causes below causes, and errors beside errors, that are shown: one may lead in a circle. */
const DEPTH_MAX = 5;
const ERRORS_MAX = 10;

export function shownError(error: unknown, depth = 0): ShownError | string {
  if (!(error instanceof Error)) return depth === 0 ? String(error) : typeof error;
  const { name, message, stack, cause } = error;
  const { code } = error as NodeJS.ErrnoException;
  const deeper = depth < DEPTH_MAX;
  return {
    type: name,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(typeof code === 'string' ? { code } : {}),
    ...(deeper && cause !== undefined ? { cause: shownError(cause, depth + 1) } : {}),
    ...(deeper && error instanceof AggregateError
      ? { errors: error.errors.slice(0, ERRORS_MAX).map((one) => shownError(one, depth + 1)) }
      : {}),
  };
}

/** The same for a terminal: stacks, one below the other. */
export function errorText(error: unknown): string {
  const shown = shownError(error);
  return typeof shown === 'string' ? shown : lines(shown).join('\n');
}

function lines({ type, message, stack, cause, errors = [] }: ShownError): string[] {
  const below = (said: string, what: ShownError | string) => {
    const [first = '', ...rest] = typeof what === 'string' ? [what] : lines(what);
    return [`${said}: ${first}`, ...rest];
  };
  return [
    stack ?? `${type}: ${message}`,
    ...(cause === undefined ? [] : below('caused by', cause)),
    ...errors.flatMap((one) => below('beside others', one)),
  ];
}
