/** What operators change: a page that asks for the reason, then the form that it sends. */
import type { Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { DefinitionError } from '../../machines/index.ts';
import { formIn } from '../body.ts';
import { baseOf } from '../edge.ts';
import type { Foreseen, Operation } from '../engine/contract.ts';
import { byOf, keyOf as callerKeyOf, callerOf, isIdentified } from '../identity/caller.ts';
import { Problem } from '../problem.ts';
import { provenReason } from '../proof.ts';
import { ACT_KINDS, actsFor } from './acts.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { ConfirmAct, NAME_LENGTH_MAX, REASON_LENGTH_MAX, refusalOf } from './forms.tsx';
import { type FrameFor, Message } from './page.tsx';
import { chartIn, machineIn } from './statechart/layout.ts';
import { WhatIf } from './what-if.tsx';

/** Remembers an operator's name for the next form. */
const NAME_COOKIE = 'operator';

const seq = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number);
export const audited = {
  reason: z.string().trim().min(1).max(REASON_LENGTH_MAX),
  /** Whoever is known by name is not asked for one. */
  by: z.string().trim().min(1).max(NAME_LENGTH_MAX).exactOptional(),
};
const actForm = z.object({
  ...audited,
  seq: seq.optional(),
  step: z.string().min(1).max(100).exactOptional(),
  as: z.enum(['COMPLETED', 'FAILED']).exactOptional(),
  with_proof: z.literal('true').exactOptional(),
});

export function operatingRoutes(
  pages: Hono,
  { engine, machines, calls }: DashboardParts,
  frame: FrameFor,
): void {
  for (const kind of ACT_KINDS) {
    pages.get(`/sagas/:id/${kind}`, async (c) => {
      const id = c.req.param('id');
      const history = await engine.get(id);
      if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
      const { step, as, proof } = c.req.query();
      const act = actsFor(history, chartIn(machines, history.saga.machine)).find(
        (one) => one.kind === kind && one.step === step && one.as === as,
      );
      if (act === undefined) {
        throw new Problem('no-such-event', `a saga in state ${history.saga.summary.state} knows no ${kind}`);
      }
      const { saga } = history;
      const asked = {
        kind,
        by: 'operator',
        reason: 'what if',
        ...(step && { step }),
        ...(as && { as: act.as }),
      };
      const machine = machineIn(machines, saga.machine);
      const foreseen = machine === null ? null : await foreseenOf(id, asked);
      return c.html(
        <ConfirmAct
          frame={frame(c)}
          saga={saga}
          act={act}
          by={nameIn(c)}
          isKnown={isIdentified(callerOf(c))}
          isProven={kind === 'skip' && proof !== undefined}
        >
          {machine !== null && foreseen !== null && (
            <WhatIf sagaId={id} foreseen={foreseen} machine={machine} urls={calls.urls} />
          )}
        </ConfirmAct>,
      );
    });

    pages.post(`/sagas/:id/${kind}`, async (c) => {
      const id = c.req.param('id');
      const { seq: ifSeq = null, by: typed, with_proof: isProven, ...asked } = read(actForm, await formIn(c));
      if (ifSeq === null && (kind === 'skip' || kind === 'resolve')) {
        throw new Problem('precondition-required', 'the form must say how long the log was');
      }
      const actor = callerKeyOf(callerOf(c));
      const { step = '' } = asked;
      const reason = isProven ? await provenReason(engine, id, { ...asked, step }) : asked.reason;
      const operation: Operation = { kind, ifSeq, ...asked, reason, by: signed(c, typed), actor };
      const refusal = refusalOf(await engine.operate(id, operation));
      if (refusal === null) return c.redirect(`/sagas/${encodeURIComponent(id)}?notice=${kind}`, 303);
      return c.html(
        <Message frame={frame(c)} title="Nothing was done">
          <p>The saga {refusal}.</p>
          <p class="acts">
            <a class="button primary" href={`/sagas/${encodeURIComponent(id)}`}>
              Look at it again
            </a>
          </p>
        </Message>,
        409,
      );
    });
  }

  /** `null` where it cannot be foreseen: the act can be asked for all the same, and is decided then. */
  async function foreseenOf(id: string, asked: Omit<Operation, 'ifSeq'>): Promise<Foreseen | null> {
    try {
      const result = await engine.whatIf(id, asked);
      return result.kind === 'foreseen' ? result.foreseen : null;
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error;
      return null;
    }
  }
}

/** @throws Problem that names what is wrong */
export function read<T>(form: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = form.safeParse(body);
  if (success) return data;
  const wrong = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Problem('validation-error', wrong.slice(0, 5).join('; '));
}

export function nameIn(c: Context): string {
  const caller = callerOf(c);
  return isIdentified(caller) ? caller.name : (getCookie(c, NAME_COOKIE) ?? '');
}

/** Who asks, as the log says it. @throws Problem where nobody knows, and the form does not say */
export function signed(c: Context, typed: string | undefined): string {
  const caller = callerOf(c);
  if (isIdentified(caller)) return byOf(caller, typed);
  if (typed === undefined) throw new Problem('validation-error', 'by: say your name');
  remember(c, typed);
  return byOf(caller, typed);
}

function remember(c: Context, name: string): void {
  setCookie(c, NAME_COOKIE, name, {
    sameSite: 'Strict',
    httpOnly: true,
    path: `${baseOf(c)}/`,
    maxAge: 365 * 24 * 3600,
  });
}
