/** What an application says of the coordinator in it. */
import type { Logger } from 'pino';
import type { Saga } from '../../machines/define.ts';
import type { Handle } from '../assembly.ts';
import type { Store } from './stores.ts';

export interface ParticipantOptions {
  /** Base URL; the paths of the definition stand below it. */
  readonly url: string;
  /** What every call to it carries beside the coordinator's own headers. Never logged. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `id:secret`, by which calls to it are signed. Never logged. */
  readonly signingKey?: string;
}

export interface CoordinatorOptions {
  /** All that may run here. Of several versions of one saga new ones begin on the newest, in whatever order they stand. */
  readonly sagas: readonly Saga[];
  readonly store: Store;
  /**
   * Where each participant is that a definition names (`at`): a base URL, or that with headers; or what answers its calls in this process,
   * such as `fetch` of a Hono app. Calls of those are bounded and counted as all others, and `request.signal` says when nobody waits any more.
   */
  readonly participants: Readonly<Record<string, string | ParticipantOptions | Handle>>;
  /** Under which path it is mounted, such as `/saga`: pages and links begin with it. At the root unless set; none of the coordinator's own
   * will do, as `/sagas`, `/api` and `/docs`. */
  readonly path?: string;
  /**
   * Names this coordinator among those that share a store. One that stays the same over restarts takes back at once what it left when it was
   * killed; others wait until its leases have ended, 15 s at most. No two may have it at the same time. Random unless set.
   */
  readonly id?: string;
  /** What requests must bring as `Authorization: Bearer`, 16 characters at least. Without one, whoever reaches the application reaches this. */
  readonly token?: string;
  /** By which names browsers and clients call the application, without ports, beside those of loopback: others are refused. */
  readonly hosts?: readonly string[];
  /** Whether operators have pages there; without them, nothing of them is loaded. They are shown unless `false`. */
  readonly dashboard?: boolean;
  /** A pino logger. Warnings and errors go to standard error as JSON unless set. */
  readonly log?: Logger;
  /** Any other setting of docs/settings.md by its name there: `{ DRAIN_MS: 5000, PAYMENT_ACTION_TIMEOUT_MS: 2000 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}
