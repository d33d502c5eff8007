/** The crash theatre's routes: there are none unless faults are switched on. What is done is told in the audit before it is done. */
import { randomUUID } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { orderInput } from '../../machines/order.ts';
import { atOnce } from '../at-once.ts';
import { formIn } from '../body.ts';
import { EXAMPLE_ORDER } from '../example-order.ts';
import { byOf, callerOf, checkMachine, keyOf, mayStartByHand } from '../identity/caller.ts';
import { Problem } from '../problem.ts';
import { admitted, PATIENCE_MS } from '../routes/starting.ts';
import { FAULTS, type FaultName, SHARES, type ShareName } from '../stubs.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { nameIn, read } from './operating.tsx';
import { type FrameFor, Message } from './page.tsx';
import type { Pulses } from './pulse.ts';
import { sceneOf } from './theatre.ts';
import { AWAY_SECONDS, Killed, ORDERS, Theatre } from './theatre-page.tsx';

const namesOf = <Name extends string>(all: Readonly<Record<Name, unknown>>) =>
  Object.keys(all) as [Name, ...Name[]];
const service = z.string().min(1).max(100);
const faultForm = z.object({
  service,
  endpoint: z.enum(['action', 'compensation']),
  fault: z.enum(namesOf<FaultName>(FAULTS)),
  share: z.enum(namesOf<ShareName>(SHARES)),
});
const clearForm = z.object({ service });
const killForm = z.object({
  kind: z.enum(['coordinator', 'services', 'redis']),
  name: z.string().min(1).max(200),
  away: z.enum(['0', String(AWAY_SECONDS)]),
});
const ordersForm = z.object({ n: z.enum(ORDERS).transform(Number) });

export function theatrePages(
  pages: Hono,
  { engine, machines, limits, clock, theatre }: DashboardParts,
  frame: FrameFor,
  pulses: Pulses,
): void {
  if (theatre === null) return;
  const { cast, own, stubs } = theatre;
  const order = machines.findLast(({ id }) => id === 'order') ?? null;

  /** So that nobody can do anything here that is not told. @throws StoreUnavailableError */
  const tell = (c: Context, action: string, reason: string) => {
    const caller = callerOf(c);
    const by = byOf(caller, nameIn(c) || undefined);
    return engine.audit.tell({ request: randomUUID(), action, actor: keyOf(caller), by, reason });
  };
  const back = (c: Context) => c.redirect('/theatre', 303);

  pages.get('/theatre', async (c) => {
    const position = await engine.position();
    const scene = await sceneOf(engine, theatre, pulses.now(position));
    const mayStart = order !== null && mayStartByHand(callerOf(c), order.id);
    return c.html(Theatre({ frame: frame(c), now: clock.now(), position, scene, mayStart }));
  });

  const named = (name: string): readonly string[] => {
    if (name === 'all') return stubs.names;
    if (!stubs.names.includes(name))
      throw new Problem('validation-error', 'service: there is no such service');
    return [name];
  };

  pages.post('/theatre/faults', async (c) => {
    const { service, ...fault } = read(faultForm, await formIn(c));
    const names = named(service);
    const { endpoint, share } = fault;
    const said = `${service}: ${endpoint}s ${FAULTS[fault.fault].title}, ${SHARES[share].title}`;
    await tell(c, 'fault', said);
    const taken = await Promise.all(names.map((name) => stubs.set(name, fault)));
    return taken.includes(true)
      ? back(c)
      : notDone(c, `${service} has taken no fault: it is away, or no stub`);
  });

  pages.post('/theatre/faults/clear', async (c) => {
    const { service } = read(clearForm, await formIn(c));
    const names = named(service);
    await tell(c, 'fault', `${service}: none any more`);
    const taken = await Promise.all(names.map((name) => stubs.clear(name)));
    return taken.includes(true)
      ? back(c)
      : notDone(c, `${service} has cleared nothing: it is away, or no stub`);
  });

  pages.post('/theatre/kill', async (c) => {
    const { kind, name, away } = read(killForm, await formIn(c));
    const members = (await cast?.members()) ?? [];
    const victim = members.find((one) => one.kind === kind && one.name === name);
    if (cast === null || victim?.isUp !== true) return notDone(c, `${name} does not run, or is none of ours`);
    const what = kind === 'coordinator' ? `coordinator ${name}` : name;
    await tell(c, 'kill', `${what} (pid ${victim.pid})${away === '0' ? '' : `, for ${away} s`}`);
    const kill = () => cast.kill(victim, Number(away) * 1000);
    if (kind === 'coordinator' && name === own) {
      // Whoever asked has an answer first.
      afterAnswer(c, kill);
      return c.html(<Killed frame={frame(c)} name={name} />);
    }
    return (await kill()) ? back(c) : notDone(c, `${name} had ended before`);
  });

  pages.post('/theatre/orders', async (c) => {
    const { n } = read(ordersForm, await formIn(c));
    const caller = callerOf(c);
    if (!caller.roles.has('submitter'))
      throw new Problem('forbidden', 'starting a saga takes the role submitter', { roles: ['submitter'] });
    if (order === null) throw new Problem('validation-error', 'there are no orders here');
    checkMachine(caller, order.id);
    const act = { actor: keyOf(caller), by: byOf(caller, nameIn(c) || undefined), reason: 'crash theatre' };
    const start = { machine: order, input: orderInput(EXAMPLE_ORDER), act };
    // Without a key: whoever presses twice wants twice as many.
    await atOnce(Array.from({ length: n }), () =>
      admitted(c, { engine, limits }, start, null, PATIENCE_MS.most),
    );
    return back(c);
  });

  function notDone(c: Context, why: string) {
    return c.html(
      <Message frame={frame(c)} title="Nothing was done">
        <p>{why}.</p>
        <p class="acts">
          <a class="button primary" href="/theatre">
            Back to the theatre
          </a>
        </p>
      </Message>,
      409,
    );
  }
}

/** When the answer has gone out, or nobody is there any more to take it. */
function afterAnswer(c: Context, act: () => unknown): void {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
  if (outgoing === undefined) act();
  else outgoing.once('close', act);
}
