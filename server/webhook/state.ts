/** How far a webhook has been told, kept as a note of the store: so nothing is forgotten with the coordinator that tells it. */
import type { Message } from './messages.ts';

export interface WebhookState {
  /** Up to where the feed of changes was told; `null` before it begins. */
  readonly position: string | null;
  /** Ids of messages about sagas that are stuck and were told. */
  readonly stuck: readonly string[];
  readonly stuckLookedAtMs: number;
  /** What happened at a coordinator, and was not told yet. */
  readonly outbox: readonly Message[];
  /** Who tells it, and until when that is believed. */
  readonly runner: { readonly id: string; readonly untilMs: number } | null;
}

/** What breakers of many coordinators may leave there. */
export const OUTBOX_MAX = 100;

export const UNTOLD: WebhookState = {
  position: null,
  stuck: [],
  stuckLookedAtMs: 0,
  outbox: [],
  runner: null,
};

/** One that cannot be read begins anew, from what comes. */
export function stateIn(text: string | undefined): WebhookState {
  if (text === undefined) return UNTOLD;
  try {
    return { ...UNTOLD, ...(JSON.parse(text) as WebhookState) };
  } catch {
    return UNTOLD;
  }
}
