/** What a participant says of a call, as the reason why it is skipped. */
import type { Inquiry, InquiryResult, SagaEngine } from './engine/contract.ts';
import { Problem } from './problem.ts';

/** Characters of the URL in a proof. */
const URL_LENGTH_MAX = 500;

export type Proven =
  | { readonly kind: 'proven'; readonly reason: string }
  /** The participant does not say that it is undone. */
  | { readonly kind: 'unproven'; readonly detail: string }
  | NotAsked;

type NotAsked = Exclude<InquiryResult, { kind: 'asked' }>;

interface Reasoned {
  readonly step: string;
  readonly reason: string;
}

/** The reason with its proof. The participant is asked anew for it, so that the proof is the coordinator's own, and as fresh as can be. */
export async function prove(
  engine: Pick<SagaEngine, 'inquire'>,
  id: string,
  { step, reason }: Reasoned,
): Promise<Proven> {
  const result = await engine.inquire(id, step);
  if (result.kind !== 'asked') return result;
  const { inquiry } = result;
  if (inquiry.state === 'undone') return { kind: 'proven', reason: `${reason} (proof: ${proofOf(inquiry)})` };
  const detail = inquiry.error ?? `${inquiry.participant} says that it is ${inquiry.state}`;
  return { kind: 'unproven', detail };
}

/** @throws Problem where nobody can be asked, or the participant does not say that it is undone */
export async function provenReason(
  engine: Pick<SagaEngine, 'inquire'>,
  id: string,
  asked: Reasoned,
): Promise<string> {
  const proven = await prove(engine, id, asked);
  if (proven.kind === 'proven') return proven.reason;
  if (proven.kind === 'unproven') throw new Problem('unproven', proven.detail);
  throw notAsked(id, asked.step, proven);
}

function proofOf({ participant, state, status, askedAtMs, url, digest }: Inquiry): string {
  const at = new Date(askedAtMs).toISOString();
  return `${participant} answered ${status}, ${state}, at ${at} to GET ${url.slice(0, URL_LENGTH_MAX)}; ${digest}`;
}

/** Why nobody was asked. */
export function notAsked(id: string, step: string, result: NotAsked): Problem {
  switch (result.kind) {
    case 'missing':
      return new Problem('saga-not-found', `no saga ${id} is stored`);
    case 'unknown-version': {
      const { id: name, version } = result.machine;
      return new Problem('machine-not-found', `this coordinator does not run ${name}@${version}`);
    }
    case 'unreadable':
      return new Problem('not-askable', 'the saga cannot be read: nobody knows whom to ask');
    case 'not-askable': {
      const detail = `the saga has no step ${step} of which its machine says where that is asked`;
      return new Problem('not-askable', detail);
    }
    default:
      return result satisfies never;
  }
}
