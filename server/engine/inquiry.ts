/**
 * What a participant says of a call, asked for a person who is to decide about it. Nothing is decided here, and nothing is written: a saga
 * that was asked about stands as it stood.
 */
import { z } from 'zod';
import { stringify } from '../../json/exact.ts';
import { readForeign } from '../../json/foreign.ts';
import { type Answer, faultIn, type RegisteredMachine, type Registry } from '../../machines/index.ts';
import { itemAt } from '../../machines/items.ts';
import { isUndoable, type Step, stepIn } from '../../machines/parts.ts';
import { contentDigest } from '../../participant/signature.ts';
import { readAnswer } from './answer.ts';
import { type Inquiry, type InquiryResult, STANDS } from './contract.ts';
import type { Answered } from './exchange.ts';
import { type Found, lookAt } from './operate.ts';
import type { Surroundings } from './surroundings.ts';
import { headersOf, traceOf } from './trace.ts';

/** An answer is JSON of no more levels: as a call's. */
const DEPTH_MAX = 64;
/** Characters of an answer that are shown. */
const SHOWN_LENGTH_MAX = 2_000;

/** What an answer must say; whatever else it has is shown. */
const said: z.ZodType<Answer> = z.looseObject({ state: z.enum(STANDS) });

/** @param address the step, or the item of one as `step/item` */
export async function inquire(
  world: Surroundings,
  registry: Registry,
  id: string,
  address: string,
): Promise<InquiryResult> {
  const { store, clock, observe } = world;
  const found = await lookAt(store, registry, id);
  if ('kind' in found) return found;
  const step = askable(found, address);
  if (step === null) return { kind: 'not-askable' };
  const { machine, record, snapshot } = found;
  const { name, participant } = step;
  const { timeoutMs } = machine.policyOf(name, isUndoable(step) ? 'compensation' : 'action');
  const query = new URLSearchParams({ saga_id: id, step: address });
  const question = { sagaId: id, address, participant, path: `${step.ask.path}?${query}` };
  const trace = traceOf(id, record.trace);
  const headers = world.tracing.isPropagated ? headersOf(trace, trace.spanId) : {};
  const askedAtMs = clock.now();
  const beganAt = clock.monotonic();
  const told = await world.participants.inquire(question, headers, timeoutMs, machine.id);
  const about = { step: address, participant, url: told.url, askedAtMs, ms: clock.monotonic() - beganAt };
  const hide = (json: unknown) => machine.hide(json, snapshot.context);
  const inquiry: Inquiry = {
    ...about,
    ...('answered' in told
      ? readOf(participant, told.answered, (json) => told.redact(stringify(hide(json))))
      : { ...NO_ANSWER, error: told.error }),
  };
  observe({ type: 'inquired', id, trace, inquiry });
  return { kind: 'asked', inquiry };
}

type Askable = Step & { readonly ask: NonNullable<Step['ask']> };

function askable({ machine, snapshot }: Found, address: string): Askable | null {
  const step = stepOf(machine, address);
  if (step === null) return null;
  const isThere =
    step.each === undefined
      ? address === step.name
      : itemAt(snapshot.context, step.name, address) !== undefined;
  return isThere ? step : null;
}

function stepOf({ steps }: RegisteredMachine, address: string): Askable | null {
  const step = steps.find(({ name }) => name === stepIn(address));
  return step?.ask === undefined ? null : (step as Askable);
}

type Read = Pick<Inquiry, 'state' | 'status' | 'digest' | 'body' | 'error'>;

const NO_ANSWER = { state: 'unknown', status: null, digest: null, body: null } as const;

/** Only an answer that says so in words means that something is done, or undone: all else is unknown. */
function readOf(participant: string, answered: Answered, shown: (json: unknown) => string): Read {
  const { status, body } = answered;
  const read = readAnswer({ faultIn: (answer) => faultIn(said, answer) }, answered);
  const isAnswer = status >= 200 && status < 300;
  const fault = 'fault' in read ? `, but ${read.fault}` : '';
  return {
    state: isAnswer && 'answer' in read ? (read.answer.state as Inquiry['state']) : 'unknown',
    status,
    digest: body === null ? null : contentDigest(body),
    body: shownOf(body, shown),
    error: isAnswer && fault === '' ? null : `${participant} answered ${status}${isAnswer ? fault : ''}`,
  };
}

/** JSON alone: in any other text a secret that it echoes might stand in a form in which it is not found. */
function shownOf(body: Buffer | null, shown: (json: unknown) => string): string | null {
  const read = readForeign(body?.toString('utf8') ?? '', DEPTH_MAX);
  if ('fault' in read) return null;
  const text = shown(read.value);
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX - 1)}…` : text;
}
