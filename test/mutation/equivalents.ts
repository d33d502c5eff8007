/** Mutants that change nothing anybody could see. */
export interface Equivalent {
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
  /** The line that it begins in, where the file has the same text elsewhere. */
  readonly line?: string;
  readonly reason: string;
}

export const EQUIVALENTS: readonly Equivalent[] = [];
