/**
 * Sends an order, and waits for its saga where that is wanted. Every order has an idempotency key, so waiting is sending it
 * again: the repeat joins the saga, whatever became of the connection or the coordinator in between, and it needs no right to read.
 */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProblemError, UnreachableError } from '../client/errors.ts';
import { isIdempotencyKey, type Start, sendStart, untilSettled } from '../client/starting.ts';
import type { Answer } from '../client/transport.ts';
import type { Command, Invocation } from './command.ts';
import { asSaga } from './saga.ts';
import { EXIT, type Surroundings, UsageError } from './surroundings.ts';
import { asJson, shown, statusColour } from './text.ts';
import { timeline } from './timeline.ts';
import { exitCodeOf, progressOn, WAITING, waitMsIn } from './waiting.ts';

const ORDER_BYTES_MAX = 1024 * 1024;
/** How long one request waits: at a terminal somebody wants to see it move. */
const WAIT_SECONDS = { terminal: 1, otherwise: 30 } as const;

export const submit: Command = {
  summary: 'send an order, from a file or standard input',
  words: [{ name: 'FILE', isOptional: true }],
  options: {
    ...WAITING,
    'idempotency-key': { value: 'KEY', says: 'the same key and order are the same saga' },
  },
  async run(invocation) {
    const { values, words, around } = invocation;
    const order = await orderFrom(words[0], around);
    const waitMs = waitMsIn(values);
    const key = keyIn(values['idempotency-key'] ?? randomUUID());
    const start = { path: '/api/coordinator/orders', body: order, idempotencyKey: key };
    const first = await firstAnswer(invocation, start);
    if (waitMs === null) {
      tell(invocation, first, 'submitted');
      return EXIT.ok;
    }
    const last = await settled(invocation, start, first, waitMs);
    tell(invocation, last, 'waited');
    return last.status === 202 ? EXIT.stillRunning : exitCodeOf(asSaga(last.body));
  },
};

/** An answer that is lost leaves open what became of the order; the key answers it. */
async function firstAnswer({ transport }: Invocation, start: Start): Promise<Answer> {
  try {
    return await sendStart(transport, start, 'respond-async');
  } catch (error) {
    const isUnknown =
      error instanceof UnreachableError || (error instanceof ProblemError && error.type === 'start-unknown');
    if (!isUnknown) throw error;
    throw new UnreachableError(
      `${error.message}. If the order was received, the same order with --idempotency-key ${start.idempotencyKey} joins it.`,
    );
  }
}

async function settled(
  { transport, around }: Invocation,
  start: Start,
  first: Answer,
  waitMs: number,
): Promise<Answer> {
  const { now, pause, err } = around;
  const progress = progressOn(around);
  const onWait = (last: Answer | null, trouble: string) => progress.show(asSaga(last?.body).state, trouble);
  const waitSecondsMax = err.isTerminal ? WAIT_SECONDS.terminal : WAIT_SECONDS.otherwise;
  try {
    return await untilSettled(transport, start, { waitMs, waitSecondsMax, now, pause, onWait }, first);
  } finally {
    progress.clear();
  }
}

function tell({ asJson: json, paper, around: { out } }: Invocation, { body }: Answer, how: string): void {
  const saga = asSaga(body);
  if (json) out.write(`${asJson(body, 2)}\n`);
  else if (how === 'waited') out.write(timeline(saga, paper));
  else out.write(`${shown(saga.saga_id)} ${paper.paint(statusColour(saga.status), shown(saga.status))}\n`);
}

function keyIn(key: string | boolean): string {
  if (!isIdempotencyKey(String(key)))
    throw new UsageError('--idempotency-key: up to 255 plain characters, without quotes and backslashes');
  return String(key);
}

async function orderFrom(file: string | undefined, { input }: Surroundings): Promise<string> {
  const text = await (file === undefined || file === '-' ? piped(input) : fromFile(file));
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the order is not JSON: ${(error as Error).message}`);
  }
  return text;
}

async function fromFile(file: string): Promise<string> {
  try {
    return textOf(await readFile(file));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function piped(input: Surroundings['input']): Promise<string> {
  if (input === null) throw new UsageError('submit needs a file, or an order on standard input');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.length;
    if (bytes > ORDER_BYTES_MAX) throw new UsageError(`an order has at most ${ORDER_BYTES_MAX} bytes`);
    chunks.push(buffer);
  }
  return textOf(Buffer.concat(chunks));
}

/** What is no UTF-8 would be replaced in silence, and ordered so. */
function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new UsageError('the order is not encoded as UTF-8');
  return bytes.toString('utf8');
}
