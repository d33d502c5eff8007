/**
 * Sends an order, and waits for its saga where that is wanted. Every order has an idempotency key, so waiting is sending it
 * again: the repeat joins the saga, whatever became of the connection or the coordinator in between, and it needs no right to read.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Answer, isPassing, RefusedError, UnreachableError } from './coordinator.ts';
import type { Command, Invocation } from './run.ts';
import { asSaga, type Saga } from './saga.ts';
import { EXIT, type ExitCode, type Surroundings, UsageError } from './surroundings.ts';
import { asJson, painter, shown, span, statusColour } from './text.ts';
import { timeline } from './timeline.ts';

const ORDER_BYTES_MAX = 1024 * 1024;
const TIMEOUT_UNSET_SECONDS = 300;
/** How long one request waits: at a terminal somebody wants to see it move. */
const WAIT_SECONDS = { terminal: 1, otherwise: 30 } as const;
const RETRY_MS = 1000;

const string = { type: 'string' } as const;

export const submit: Command = {
  options: { wait: { type: 'boolean' }, timeout: string, 'idempotency-key': string },
  words: [0, 1],
  async run(invocation) {
    const { values, words, around } = invocation;
    const order = await orderFrom(words[0], around);
    const timeoutMs = 1000 * secondsIn(values.timeout);
    const key = values['idempotency-key'] ?? randomUUID();
    const send = (prefer: string) =>
      invocation.coordinator.ask('/api/coordinator/orders', {
        method: 'POST',
        headers: { 'idempotency-key': `"${keyIn(key)}"`, prefer },
        body: order,
      });
    const first = await firstAnswer(() => send('respond-async'), String(key));
    if (values.wait !== true) {
      tell(invocation, first, 'submitted');
      return EXIT.ok;
    }
    const last = await settled(first, send, timeoutMs, around);
    tell(invocation, last, 'waited');
    return last.status === 202 ? EXIT.stillRunning : exitCodeOf(asSaga(last.body));
  },
};

/** An answer that is lost leaves open what became of the order; the key answers it. */
async function firstAnswer(send: () => Promise<Answer>, key: string): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    const isUnknown =
      error instanceof UnreachableError ||
      (error instanceof RefusedError && typeOf(error) === 'start-unknown');
    if (!isUnknown) throw error;
    throw new UnreachableError(
      `${error.message}. If the order was received, the same order with --idempotency-key ${key} joins it.`,
    );
  }
}

async function settled(
  first: Answer,
  send: (prefer: string) => Promise<Answer>,
  timeoutMs: number,
  { now, pause, err, columns, env }: Surroundings,
): Promise<Answer> {
  const beganAt = now();
  const longest = err.isTerminal ? WAIT_SECONDS.terminal : WAIT_SECONDS.otherwise;
  const paint = painter(err.isTerminal, env);
  const progress = (line: string) => {
    if (err.isTerminal) err.write(`\r\x1b[2K${line}`);
  };
  let answer = first;
  let trouble = '';
  try {
    for (;;) {
      const leftMs = beganAt + timeoutMs - now();
      if (answer.status !== 202 || leftMs <= 0) return answer;
      const { state } = asSaga(answer.body);
      // Cut before it is painted: half a colour would colour all that follows.
      const line = `${span(now() - beganAt)}  ${shown(state)}${trouble && `  ${trouble}`}`.slice(
        0,
        columns - 1,
      );
      progress(paint('blue', line));
      try {
        answer = await send(`wait=${Math.min(longest, Math.ceil(leftMs / 1000))}`);
        trouble = '';
      } catch (error) {
        // The saga is stored, and other coordinators may carry it on: only the time that was given ends the wait.
        if (!isPassing(error)) throw error;
        trouble = shown(error.message);
        await pause(RETRY_MS);
      }
    }
  } finally {
    progress('');
  }
}

function tell(
  { asJson: json, around: { out, env, columns } }: Invocation,
  { body }: Answer,
  how: string,
): void {
  const saga = asSaga(body);
  const paint = painter(out.isTerminal, env);
  if (json) out.write(`${asJson(body, 2)}\n`);
  else if (how === 'waited') out.write(timeline(saga, columns, paint));
  else out.write(`${shown(saga.saga_id)} ${paint(statusColour(saga.status), shown(saga.status))}\n`);
}

export function exitCodeOf({ status }: Pick<Saga, 'status'>): ExitCode {
  return status === 'COMPLETED' ? EXIT.ok : EXIT.sagaFailed;
}

function typeOf({ problem }: RefusedError): unknown {
  return (problem as { readonly type?: unknown } | null)?.type;
}

function secondsIn(value: string | boolean | undefined): number {
  if (value === undefined) return TIMEOUT_UNSET_SECONDS;
  if (!/^\d{1,7}$/.test(String(value))) throw new UsageError('--timeout must be whole seconds');
  return Number(value);
}

/** It travels as a quoted string. */
function keyIn(key: string | boolean): string {
  if (!/^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}$/.test(String(key)))
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
    return await readFile(file, 'utf8');
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
  return Buffer.concat(chunks).toString('utf8');
}
