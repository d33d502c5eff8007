/**
 * Snapshots as the text to store. A saga's facts and answers are most of it, and a step adds to them and changes nothing: so
 * the text of the snapshot before is gone on with, where that is known.
 */
import type { AnyMachineSnapshot } from 'xstate';
import { stringify } from '../json/exact.ts';
import type { SagaContext } from './saga.ts';

type Members = Readonly<Record<string, unknown>>;
type Written = Pick<AnyMachineSnapshot, 'status' | 'output' | 'error' | 'value'> & {
  readonly context: object;
};

const NONE = {};

/**
 * What XState's `getPersistedSnapshot` gives. That looks through the whole context for actors, which costs as much as the
 * text; a saga has none, nor a history: the rules of machines see to it.
 */
export function textOf({ status, output, error, value, context }: Written): string {
  return stringify({ status, output, error, value, historyValue: NONE, context, children: NONE });
}

/** An object that only ever gains members, with its text but for the brace that closes it. */
interface Grown {
  readonly of: Members;
  readonly names: readonly string[];
  readonly open: string;
}

/** The members of the context that grow. */
interface Parts {
  readonly data: Grown;
  readonly answers: Grown;
}

export class SnapshotTexts {
  /** For as long as somebody has the snapshot. */
  readonly #parts = new WeakMap<object, Parts>();
  /** Names of a context's members are few. */
  readonly #quoted = new Map<string, string>();

  /**
   * The same text as {@link textOf} gives.
   * @param before the snapshot from which it was made, if that is at hand
   */
  textOf(snapshot: Written, before: object | null): string {
    const { status, output, error, value, context } = snapshot;
    if (output !== undefined || error !== undefined) return textOf(snapshot);
    const known = before === null ? undefined : this.#parts.get(before);
    const data = grownFrom(known?.data, (context as SagaContext).data);
    const answers = grownFrom(known?.answers, (context as SagaContext).answers);
    this.#parts.set(snapshot, { data, answers });
    let members = '';
    for (const name of Object.keys(context)) {
      const member = (context as Members)[name];
      const text =
        name === 'data' ? `${data.open}}` : name === 'answers' ? `${answers.open}}` : memberText(member);
      if (text !== undefined) members += `${members === '' ? '' : ','}${this.#nameText(name)}${text}`;
    }
    return `{"status":"${status}","value":${stringify(value)},"historyValue":{},"context":{${members}},"children":{}}`;
  }

  #nameText(name: string): string {
    const known = this.#quoted.get(name);
    if (known !== undefined) return known;
    const text = `${JSON.stringify(name)}:`;
    this.#quoted.set(name, text);
    return text;
  }
}

/** Without a call of JSON's for what most members are. */
function memberText(member: unknown): string | undefined {
  if (member === null) return 'null';
  if (Number.isInteger(member)) return String(member);
  if (Array.isArray(member) && member.length === 0) return '[]';
  return stringify(member);
}

function grownFrom(before: Grown | undefined, of: Members): Grown {
  if (before?.of === of) return before;
  const names = Object.keys(of);
  const isMore = before?.names.every((name, at) => names[at] === name && of[name] === before.of[name]);
  if (before === undefined || !isMore) return { of, names, open: stringify(of).slice(0, -1) };
  let { open } = before;
  for (let at = before.names.length; at < names.length; at += 1) {
    const name = names[at] as string;
    const text: string | undefined = stringify(of[name]);
    if (text !== undefined) open += `${open === '{' ? '' : ','}${JSON.stringify(name)}:${text}`;
  }
  return { of, names, open };
}
