/**
 * The calls of a saga, each with what is known of it: the request as its machine makes it of the saga's facts, what came of each
 * attempt as the log has it. Nothing of this is stored beside them.
 */
import { stringify } from '../json/exact.ts';
import { type Answer, DefinitionError, type Kind, type RegisteredMachine } from '../machines/index.ts';
import { addressOf, stepIn } from '../machines/parts.ts';
import { callStates, leavesIn } from '../machines/structure.ts';
import type { NumberedEntry } from '../stores/saga-store.ts';
import type { SagaHistory } from './engine/contract.ts';

/** Where calls go, and where their traces are looked at. */
export interface CallPlaces {
  /** Base URL of each participant, by name. */
  readonly urls: Readonly<Record<string, string>>;
  /** With `{trace_id}` where the id of a trace belongs; `null` where traces are kept nowhere. */
  readonly traceUrl: string | null;
}

/** One attempt, as it ended. */
export interface MadeCall {
  readonly seq: number;
  readonly attempt: number | null;
  /** `GET` asks what came of a call that was accepted. */
  readonly method: 'POST' | 'GET';
  /** `null` where the log does not know how long it took: it was told later, or it was put off. */
  readonly beganAtMs: number | null;
  readonly endedAtMs: number;
  /** An outcome, or `accepted` or `deferred`. */
  readonly outcome: string;
  /** Of the answer, where the log has it: of a call that was done it is one of 2xx. */
  readonly status: number | null;
  readonly error: string | null;
  /** It was answered from the participant's ledger. */
  readonly isReplayed: boolean;
}

export interface CallRequest {
  readonly step: string;
  readonly kind: Kind;
  readonly participant: string;
  readonly method: 'POST' | 'GET';
  readonly url: string;
  readonly idempotencyKey: string;
  /** Secrets redacted; `null` where it cannot be made without them. */
  readonly body: Answer | null;
}

export interface SagaCall extends CallRequest {
  readonly isUnderWay: boolean;
  readonly attempts: readonly MadeCall[];
  /** As JSON; that of a compensation may be cut off. `null` where none came, or none was kept. */
  readonly answer: string | null;
  /** The same by hand. Whoever has the participant's ledger answers it with what it answered before. */
  readonly curl: string;
}

export interface StepCalls {
  /** The action, then the compensation, as far as they were made or are under way. */
  readonly calls: readonly SagaCall[];
  /** Of a step with a call for each item: by what its items are known. */
  readonly items: readonly string[];
}

/** @returns `null` where the machine has no such step, nor the saga such an item */
export function callsOf(
  { saga, log }: SagaHistory,
  machine: RegisteredMachine,
  address: string,
  { urls }: Pick<CallPlaces, 'urls'>,
): StepCalls | null {
  const step = machine.steps.find(({ name }) => name === stepIn(address));
  if (step === undefined) return null;
  const { context } = saga;
  const items = step.each === undefined ? [] : (context.items?.[step.name] ?? []);
  const names = items.map(({ key }) => addressOf(step.name, key));
  if (step.each !== undefined && address === step.name) return { calls: [], items: names };
  if (address !== step.name && !names.includes(address)) return null;

  const announced = saga.status === 'STARTED' ? leavesIn(saga.summary.state) : [];
  const states = callStates(machine.machine);
  const kinds = ['action', 'compensation'] as const;
  const calls = kinds.flatMap((kind): SagaCall[] => {
    const attempts = log.filter((entry) => isOf(entry, address, kind)).map(attemptOf);
    const isItem = items.find(({ key }) => addressOf(step.name, key) === address);
    const isUnderWay =
      announced.some((leaf) => states.get(leaf)?.step === step.name && states.get(leaf)?.kind === kind) &&
      (isItem === undefined || isItem.phase === 'calling');
    if (attempts.length === 0 && !isUnderWay) return [];
    const request = requestOf(machine, saga, address, kind, urls);
    if (request === null) return [];
    const undone = log.findLast((entry) => isOf(entry, address, kind) && entry.answer !== undefined)?.answer;
    const answer = kind === 'action' ? answerText(context.answers[address]) : (undone ?? null);
    return [{ ...request, isUnderWay, attempts, answer, curl: curlOf(request, saga.id) }];
  });
  return { calls, items: [] };
}

/** A call as a saga of these facts makes it; `null` where no step has it. */
export function requestOf(
  machine: RegisteredMachine,
  { id, context }: { readonly id: string; readonly context: SagaHistory['saga']['context'] },
  address: string,
  kind: Kind,
  urls: CallPlaces['urls'],
): CallRequest | null {
  const step = machine.steps.find(({ name }) => name === stepIn(address));
  const way = step?.[kind];
  if (step === undefined || way === undefined || !('path' in way)) return null;
  return {
    step: address,
    kind,
    participant: step.participant,
    method: 'POST',
    url: `${(urls[step.participant] ?? '').replace(/\/$/, '')}${way.path}`,
    idempotencyKey: `${id}:${address}:${kind}`,
    body: bodyOf(machine, context, address, kind),
  };
}

function bodyOf(
  machine: RegisteredMachine,
  context: SagaHistory['saga']['context'],
  address: string,
  kind: Kind,
): Answer | null {
  try {
    return machine.shownCall(context, address, kind)?.body ?? null;
  } catch (error) {
    if (!(error instanceof DefinitionError)) throw error;
    return null;
  }
}

const ATTEMPTS: ReadonlySet<string> = new Set([
  ...['done', 'refused', 'retryable', 'unknown', 'accepted', 'deferred', 'outcome'],
]);

function isOf({ event, step, kind }: NumberedEntry, address: string, of: Kind): boolean {
  return step === address && kind === of && ATTEMPTS.has(event);
}

function attemptOf(entry: NumberedEntry): MadeCall {
  const { seq, at, event, from, attempt, outcome, duration_ms, error, replayed } = entry;
  const endedAtMs = Date.parse(at);
  const [, status] = /^(?:\S+ answered )?([1-5]\d\d)\b/.exec(error ?? '') ?? [];
  return {
    seq,
    attempt,
    method: leavesIn(from ?? '').some((leaf) => leaf.endsWith('.fetching')) ? 'GET' : 'POST',
    beganAtMs: duration_ms === null ? null : endedAtMs - duration_ms,
    endedAtMs,
    outcome: outcome ?? event,
    status: status === undefined ? null : Number(status),
    error,
    isReplayed: replayed === true,
  };
}

function answerText(answer: Answer | undefined): string | null {
  return answer === undefined ? null : stringify(answer);
}

/** What stands for it in a terminal: its participant's own headers are not among it, since they may be secrets. */
function curlOf({ method, url, idempotencyKey, step, body }: CallRequest, sagaId: string): string {
  const headers = [
    'content-type: application/json',
    `idempotency-key: ${idempotencyKey}`,
    `saga-id: ${sagaId}`,
    `saga-step: ${step}`,
  ];
  const parts = [
    `curl -X ${method} ${quoted(url)}`,
    ...headers.map((header) => `-H ${quoted(header)}`),
    ...(body === null ? [] : [`--data ${quoted(stringify(body))}`]),
  ];
  return parts.join(' \\\n  ');
}

/** As every POSIX shell reads it back. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Where the trace of a saga is looked at. */
export function traceUrlOf(traceId: string, { traceUrl }: CallPlaces): string | null {
  return traceUrl === null ? null : traceUrl.replaceAll('{trace_id}', traceId);
}
