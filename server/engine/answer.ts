/** Reads the body of a 2xx. What cannot be read whole does not count as done, and its cause is told. */
import { isUtf8 } from 'node:buffer';
import { type Foreign, readForeign } from '../../json/foreign.ts';
import { type Answer, type Call, kindOf } from '../../machines/index.ts';
import type { Answered } from './exchange.ts';

/** An answer is written as JSON with each commit, which fails on one that is nested some thousand levels deep. */
const DEPTH_MAX = 64;

/** White space as JSON has it. */
const BLANK = /^[ \t\n\r]*$/;

/** A fault is a clause that begins with what is at fault: ``its body is not JSON``. */
export type ReadAnswer = { readonly answer: Answer } | { readonly fault: string };

/**
 * One rule for actions and compensations: a JSON object in UTF-8, as bare as HTTP carries it. No body, or a blank one, says
 * as much as an object without fields. Whether that is enough, the contract of the call says.
 */
export function readAnswer(
  call: Pick<Call, 'faultIn'>,
  { contentEncoding, body }: Omit<Answered, 'status'>,
): ReadAnswer {
  if (body === null) return { fault: 'its body has more bytes than ANSWER_BYTES_MAX' };
  const coding = String(contentEncoding ?? '')
    .trim()
    .toLowerCase();
  if (coding !== 'identity' && coding !== '')
    return { fault: `its body is encoded as ${coding}, which was not asked for` };
  const text = textOf(body);
  if (text === null) return { fault: 'its body is not UTF-8' };
  const read = BLANK.test(text) ? { value: {} } : readForeign(text, DEPTH_MAX);
  if ('fault' in read) return { fault: unreadable(read) };
  const { value } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { fault: `its body is ${kindOf(value)}, not an object` };
  const answer = value as Answer;
  const fault = call.faultIn(answer);
  return fault === null ? { answer } : { fault };
}

/**
 * What a problem document says of itself; empty for any other body, which may echo what it was sent.
 */
export function reasonIn({ body }: Pick<Answered, 'body'>): string {
  const problem = parsed(body === null ? '' : (textOf(body) ?? ''));
  if (typeof problem !== 'object' || problem === null) return '';
  const { type, title, detail, error, message } = problem as Record<string, unknown>;
  const says = [type, detail ?? message ?? error ?? title].filter((part) => typeof part === 'string');
  return says.join(': ');
}

/** Without the byte order mark with which some begin; `null` where the bytes are not UTF-8. */
function textOf(body: Buffer): string | null {
  if (!isUtf8(body)) return null;
  const text = body.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(read: Extract<Foreign, { readonly fault: string }>): string {
  switch (read.fault) {
    case 'no-json':
      return 'its body is not JSON';
    case 'too-deep':
      return `its body is nested deeper than ${DEPTH_MAX} levels`;
    case 'twice':
      return `\`${read.path.join('.')}\` stands in it twice`;
    default:
      return read satisfies never;
  }
}
