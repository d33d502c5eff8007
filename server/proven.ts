/** What a participant says of a call, as the reason why it is skipped: of one saga, or of many. */
import type { Inquiry, InquiryResult, SagaEngine } from './engine/contract.ts';

/** Characters of the URL in a proof. */
const URL_LENGTH_MAX = 500;

export type Proven =
  | { readonly kind: 'proven'; readonly reason: string }
  /** The participant does not say that it is undone. */
  | { readonly kind: 'unproven'; readonly detail: string }
  | NotAsked;

export type NotAsked = Exclude<InquiryResult, { kind: 'asked' }>;

export interface Reasoned {
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

function proofOf({ participant, state, status, askedAtMs, url, digest }: Inquiry): string {
  const at = new Date(askedAtMs).toISOString();
  return `${participant} answered ${status}, ${state}, at ${at} to GET ${url.slice(0, URL_LENGTH_MAX)}; ${digest}`;
}
