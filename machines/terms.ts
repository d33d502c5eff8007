/** By what a saga is found to the letter: its label, and the facts that its definition declares for that. */
import { ExactNumber } from '../json/exact.ts';
import { DefinitionError } from './defined.ts';
import { secretsIn } from './redaction.ts';
import type { SagaData } from './saga.ts';

/** One value by which a saga is found, and what it is of the saga. */
export interface Term {
  readonly name: string;
  readonly value: string;
}

/** Search attributes by name, each the dotted path of a fact. */
export type Search = Readonly<Record<string, string>>;

/** What the label is called beside them. */
const LABEL_TERM = 'label';
/** Letters of a label or an attribute's value, at most: as many as can be asked for. */
const VALUE_MAX = 200;
/** Search attributes of a definition, at most: each is written once, and kept as long as the saga. */
const ATTRIBUTES_MAX = 8;
const NONE: readonly Term[] = [];
const NAME = /^[a-z][a-z0-9_]{0,39}$/;
/** What a search is narrowed by in another way. */
const TAKEN: ReadonlySet<string> = new Set(['id', LABEL_TERM]);

export class Terms {
  /** Names of the attributes, in the order of the definition. */
  readonly names: readonly string[];
  readonly #paths: readonly (readonly [name: string, path: readonly string[]])[];
  readonly #secrets: readonly (readonly string[])[];

  /** @throws DefinitionError for a name that cannot be one, for too many, and for a fact that is a secret */
  constructor(saga: string, label: string | null, search: Search, secrets: readonly (readonly string[])[]) {
    this.names = Object.keys(search);
    if (this.names.length > ATTRIBUTES_MAX)
      throw refused(saga, `there are ${this.names.length}, and at most ${ATTRIBUTES_MAX} may be declared`);
    for (const [name, path] of Object.entries(search)) {
      if (!NAME.test(name) || TAKEN.has(name))
        throw refused(
          saga,
          `none can be called ${JSON.stringify(name)}: small letters, digits and _, and not id or label`,
        );
      if (isSecret(path.split('.'), secrets))
        throw refused(saga, `${name} is ${path}, which is a secret: whoever searches would find it out`);
    }
    const declared = Object.entries(search).map(([name, path]) => [name, path.split('.')] as const);
    const named = label === null || isSecret([label], secrets) ? [] : [[LABEL_TERM, [label]] as const];
    this.#paths = [...named, ...declared];
    this.#secrets = secrets;
  }

  /** Those whose facts stand by now. A fact that repeats a secret's value is none. */
  of(data: SagaData): readonly Term[] {
    return this.gained(null, data);
  }

  /** Those that stand by now, and did not before. */
  gained(before: SagaData | null, after: SagaData): readonly Term[] {
    if (before === after) return NONE;
    let terms: Term[] | null = null;
    let secrets: readonly string[] | null = null;
    for (const [name, path] of this.#paths) {
      const fact = factAt(after, path);
      const was = before === null ? undefined : factAt(before, path);
      // Asked with each step of a saga, which seldom gains one of them.
      if (fact === was) continue;
      const value = factOf(fact);
      if (value === null) continue;
      secrets ??= secretsIn(after, this.#secrets);
      if (secrets.some((secret) => value.includes(secret))) continue;
      terms ??= [];
      terms.push({ name, value });
    }
    return terms ?? NONE;
  }
}

/** A fact as a text that can be asked for; `null` where it is none. */
export function factOf(fact: unknown): string | null {
  if (typeof fact === 'string') return fact === '' ? null : fact.slice(0, VALUE_MAX);
  return typeof fact === 'number' || fact instanceof ExactNumber ? String(fact) : null;
}

function factAt(data: SagaData, path: readonly string[]): unknown {
  let at: unknown = data;
  for (const member of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as SagaData)[member];
  }
  return at;
}

function isSecret(path: readonly string[], secrets: readonly (readonly string[])[]): boolean {
  return secrets.some((secret) => secret.every((name, at) => name === path[at]));
}

function refused(saga: string, why: string): DefinitionError {
  return new DefinitionError(saga, 'the search attributes', new RangeError(why));
}
