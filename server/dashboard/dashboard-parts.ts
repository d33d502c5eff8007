/** What the operator's pages are given, and what they give. */

import type { Context, Hono, MiddlewareHandler } from 'hono';
import type { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { RegisteredMachine } from '../../machines/index.ts';
import type { Bulks } from '../bulk/bulks.ts';
import type { CallPlaces } from '../calls.ts';
import type { Cast } from '../cast.ts';
import type { Clock } from '../engine/clock.ts';
import type { SagaEngine } from '../engine/contract.ts';
import type { Users } from '../identity/users.ts';
import type { Limits } from '../limits/limits.ts';
import type { Probes } from '../probes.ts';
import type { Stubs } from '../stubs.ts';
import type { LastErrors } from '../telemetry/history/last-errors.ts';
import type { Session } from './session.ts';

export interface TheatreParts {
  /** The processes that may be killed; `null` where nobody can say which. */
  readonly cast: Cast | null;
  /** The name of this coordinator. */
  readonly own: string;
  readonly stubs: Stubs;
}

export interface DashboardParts {
  readonly engine: SagaEngine;
  /** All that this coordinator knows. */
  readonly machines: readonly RegisteredMachine[];
  readonly probes: Probes<string>;
  readonly calls: CallPlaces;
  readonly bulks: Bulks;
  readonly lastErrors: LastErrors;
  readonly limits: Limits;
  readonly version: string;
  readonly clock: Clock;
  /** Of those who log in by a token; `null` where there is none. */
  readonly session: Session | null;
  /** Where things are broken to see them mended; `null` where faults are not switched on. */
  readonly theatre: TheatreParts | null;
  /** Of a provider at which they log in; `null` where there is none. */
  readonly users: Users | null;
}

export interface Pages {
  readonly routes: Hono;
  /** What browsers are told beside each answer; it stands before everything else. */
  readonly guard: MiddlewareHandler;
  /** A page that is made elsewhere, in the frame of these. */
  readonly framed: (
    c: Context,
    title: string,
    body: HtmlEscapedString | Promise<HtmlEscapedString>,
  ) => ReturnType<typeof html>;
}
