/** The pages of acts on many sagas. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { stepIn } from '../../machines/parts.ts';
import { formIn } from '../body.ts';
import { BULK_MAX, type BulkAct } from '../bulk/bulk.ts';
import { previewOf } from '../bulk/preview.ts';
import type { SagaListing } from '../engine/contract.ts';
import { callerOf, isIdentified, keyOf, mayOperate } from '../identity/caller.ts';
import { Problem } from '../problem.ts';
import { BulkList, BulkPage } from './bulk.tsx';
import { BULK_ACTS, type BulkName, ChooseStep, ConfirmBulk } from './bulk-forms.tsx';
import type { DashboardParts } from './dashboard-parts.ts';
import { audited, nameIn, read, signed } from './operating.tsx';
import { type FrameFor, Message } from './page.tsx';

const names = Object.keys(BULK_ACTS) as [BulkName, ...BulkName[]];
const act = z.enum(names);
const step = z.string().min(1).max(400).exactOptional();
const asked = z.object({ act: act.catch('retry'), step: step.catch(undefined as never) });
const form = z.object({
  ...audited,
  act,
  step,
  canary: z.string().exactOptional(),
  with_proof: z.literal('true').exactOptional(),
  saga: z
    .union([z.string(), z.array(z.string()).max(BULK_MAX)])
    .transform((found) => (typeof found === 'string' ? [found] : found))
    .pipe(z.array(z.string().regex(/^\S{1,200} \d{1,9}$/))),
});

export function bulkPages(
  pages: Hono,
  { engine, machines, bulks, clock }: DashboardParts,
  frame: FrameFor,
): void {
  pages.get('/bulks', async (c) =>
    c.html(BulkList({ frame: frame(c), now: clock.now(), titles: await bulks.recent() })),
  );

  pages.get('/bulks/new', async (c) => {
    const query = asked.parse(c.req.query());
    const { sagas: found, hasMore } = await chosen(c);
    if (query.act === 'skip' && query.step === undefined) {
      const hrefOf = (one: string) => {
        const search = new URLSearchParams(new URL(c.req.url).search);
        search.set('step', one);
        return `/bulks/new?${search}`;
      };
      return c.html(ChooseStep({ frame: frame(c), sagas: found, hrefOf }));
    }
    const sagas = query.act === 'skip' ? found.filter((saga) => isHeld(saga, query.step)) : found;
    if (sagas.length === 0) {
      return c.html(
        <Message frame={frame(c)} title="Nothing to ask">
          <p>
            None of them is in flight or parked any more. <a href="/sagas?status=ABORTED">Parked sagas</a>
          </p>
        </Message>,
        404,
      );
    }
    const groups = await previewOf({ engine, machines }, sagas, actOf(query.act, query.step));
    const isAskable = query.act === 'skip' && sagas.some((saga) => isAsked(saga, query.step));
    const shown = { sagas, hasMore, groups, isAskable, name: query.act, step: query.step };
    return c.html(
      ConfirmBulk({ frame: frame(c), ...shown, by: nameIn(c), isKnown: isIdentified(callerOf(c)) }),
    );
  });

  pages.post('/bulks', async (c) => {
    const { saga, reason, by: typed, act: name, ...options } = read(form, await formIn(c));
    const { step: skipped, canary, with_proof: proof } = options;
    if ((name === 'skip') !== (skipped !== undefined))
      throw new Problem('validation-error', 'step: a skip needs one, and nothing else has any');
    if (proof !== undefined && name !== 'skip')
      throw new Problem('validation-error', 'with_proof: only a skip rests on one');
    const sagas = saga.map((one) => {
      const [id = '', length] = one.split(' ');
      return { id, seq: Number(length) };
    });
    const who = { by: signed(c, typed), actor: keyOf(callerOf(c)) };
    const isCanary = canary !== undefined;
    const act: BulkAct = { ...actOf(name, skipped), ...(proof !== undefined && { isProven: true }) };
    const id = await bulks.begin({ act, reason, ...who, isCanary, sagas });
    return c.redirect(`/bulks/${id}`, 303);
  });

  pages.get('/bulks/:id', async (c) => {
    const seen = await bulks.look(c.req.param('id'));
    if (seen === null)
      throw new Problem('not-found', 'Acts on many sagas are kept until a hundred newer ones have come.');
    return c.html(BulkPage({ frame: frame(c), now: clock.now(), seen, mayOperate: mayOperate(callerOf(c)) }));
  });

  pages.post('/bulks/:id/continue', async (c) => {
    const caller = callerOf(c);
    const seen = await bulks.look(c.req.param('id'));
    // Whoever is not known by name goes on in the name of who began.
    const by = isIdentified(caller) ? caller.name : nameIn(c) || (seen?.bulk.by ?? '');
    await bulks.continue(c.req.param('id'), { by, actor: keyOf(caller) });
    return c.redirect(`/bulks/${encodeURIComponent(c.req.param('id'))}`, 303);
  });

  pages.post('/bulks/:id/stop', async (c) => {
    await bulks.halt(c.req.param('id'));
    return c.redirect(`/bulks/${encodeURIComponent(c.req.param('id'))}`, 303);
  });

  function isAsked({ machine: { id } }: SagaListing, skipped = ''): boolean {
    const steps = machines.filter((machine) => machine.id === id).flatMap((machine) => machine.steps);
    return steps.some(({ name, ask }) => name === stepIn(skipped) && ask !== undefined);
  }

  /** Those that are named, or all that are parked for one cause. */
  async function chosen(c: Context): Promise<{ sagas: readonly SagaListing[]; hasMore: boolean }> {
    const cause = c.req.query('cause');
    if (cause === '') return { sagas: [], hasMore: false };
    if (cause !== undefined) {
      const { sagas, cursor } = await engine.list({ cause }, null, BULK_MAX);
      return { sagas, hasMore: cursor !== null };
    }
    const ids = [...new Set(c.req.queries('saga') ?? [])].slice(0, BULK_MAX);
    const found = (await engine.glance(ids)).filter((saga) => saga !== null);
    return {
      sagas: found.filter(({ status }) => status === 'STARTED' || status === 'ABORTED'),
      hasMore: false,
    };
  }
}

function actOf(name: BulkName, skipped: string | undefined): BulkAct {
  return { ...BULK_ACTS[name].act, ...(skipped !== undefined && { step: skipped }) };
}

function isHeld({ parked }: SagaListing, skipped: string | undefined): boolean {
  return parked?.held.some((held) => held.step === skipped) === true;
}
