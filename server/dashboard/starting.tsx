/** A saga is started, and one that waits is told of an event, by a person: the audit tells of both. */
import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { RegisteredMachine, WaitMeta } from '../../machines/index.ts';
import { leavesIn, nodeName, statesIn } from '../../machines/structure.ts';
import { formIn } from '../body.ts';
import { callerOf, checkMachine, isIdentified, keyOf } from '../identity/caller.ts';
import { Problem } from '../problem.ts';
import { refusalOfEvent } from '../routes/outside-events.ts';
import { admitted, PATIENCE_MS } from '../routes/starting.ts';
import { digestOf, inputOf, startedMachine } from '../routes/starts.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { Confirm } from './forms.tsx';
import { audited, nameIn, read, signed } from './operating.tsx';
import type { FrameFor } from './page.tsx';
import { nameOf } from './parts.tsx';
import { readFields, SchemaFields } from './schema-form.tsx';
import { machineIn } from './statechart/layout.ts';
import { words } from './wording.ts';

const asked = z.object({ machine: z.string().min(1).max(200), version: z.string().max(200).exactOptional() });
const startForm = asked.extend({ ...audited, key: z.uuid() });
const eventForm = z.object({
  name: z.string().min(1).max(100),
  id: z.uuid(),
  by: audited.by,
});

export function startingRoutes(
  pages: Hono,
  { engine, machines, limits }: DashboardParts,
  frame: FrameFor,
): void {
  /** @throws Problem where it is not theirs to start, or there is no such machine */
  const machineOf = (c: Context, wanted: z.infer<typeof asked>) => {
    const caller = callerOf(c);
    // Whoever operates need not start, and whoever starts need not see: on a page it takes both.
    if (!caller.roles.has('submitter'))
      throw new Problem('forbidden', 'starting a saga takes the role submitter', { roles: ['submitter'] });
    checkMachine(caller, wanted.machine);
    const machine = startedMachine(machines, wanted);
    if (machine.input === null)
      throw new Problem('validation-error', `${machine.id} does not say what it begins with`);
    return { machine, input: machine.input };
  };

  pages.get('/start', (c) => {
    const { machine, input } = machineOf(c, read(asked, c.req.query()));
    return c.html(
      <Confirm
        frame={frame(c)}
        title={`Start ${machine.id}`}
        action="/start"
        back="/machines"
        label="Start it"
        isGrave={false}
        by={nameIn(c)}
        isKnown={isIdentified(callerOf(c))}
        book="audit"
      >
        <p class="note">Version {machine.version}. It is sent as a program would send it.</p>
        <input type="hidden" name="machine" value={machine.id} />
        <input type="hidden" name="version" value={machine.version} />
        <input type="hidden" name="key" value={randomUUID()} />
        <SchemaFields schema={input} />
      </Confirm>,
    );
  });

  pages.post('/start', async (c) => {
    const form = await formIn(c);
    const { key, reason, by, ...wanted } = read(startForm, form);
    const { machine, input } = machineOf(c, wanted);
    const fields = readFields(input, form);
    const data = inputOf(machine, fields);
    const act = { actor: keyOf(callerOf(c)), by: signed(c, by), reason };
    // Sent twice, it is one saga.
    const idempotency = { key, digest: digestOf({ ...wanted, input: fields }) };
    const start = { machine, input: { data }, act };
    const { id } = await admitted(c, { engine, limits }, start, idempotency, PATIENCE_MS.most);
    return c.redirect(`/sagas/${encodeURIComponent(id)}?notice=started`, 303);
  });

  const waiting = async (id: string, name: string) => {
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const part = machineIn(machines, history.saga.machine)?.events.get(name);
    if (part === undefined) throw new Problem('no-such-event', `the saga knows no event ${name}`);
    return { saga: history.saga, part };
  };

  pages.get('/sagas/:id/event', async (c) => {
    const id = c.req.param('id');
    const { saga, part } = await waiting(id, c.req.query('name') ?? '');
    const path = `/sagas/${saga.id}`;
    return c.html(
      <Confirm
        frame={frame(c)}
        title={`Send ${words(part.name)}: ${nameOf(saga)}`}
        action={`${path}/event`}
        back={path}
        label="Send it"
        isGrave={false}
        by={nameIn(c)}
        isKnown={isIdentified(callerOf(c))}
        book={null}
      >
        <p>
          The saga is told that this has happened. It is kept until a state waits for it, or the saga ends.
        </p>
        <input type="hidden" name="name" value={part.name} />
        <input type="hidden" name="id" value={randomUUID()} />
        <SchemaFields schema={part.data} />
      </Confirm>,
    );
  });

  pages.post('/sagas/:id/event', async (c) => {
    const id = c.req.param('id');
    const form = await formIn(c);
    const { name, id: eventId, by } = read(eventForm, form);
    const { part } = await waiting(id, name);
    const data = readFields(part.data, form);
    const told = { id: eventId, name, data, actor: keyOf(callerOf(c)), by: signed(c, by) };
    const result = await engine.send(id, told);
    if (result.kind !== 'accepted') throw refusalOfEvent(id, result);
    return c.redirect(`/sagas/${encodeURIComponent(id)}?notice=event`, 303);
  });
}

/** The events for which a saga waits where it stands. */
export function awaitedBy({ machine }: RegisteredMachine, state: string): string[] {
  const leaves = new Set(leavesIn(state));
  return statesIn(machine).flatMap((node) => {
    const { event } = (node.meta ?? {}) as Partial<WaitMeta>;
    return event !== undefined && leaves.has(nodeName(node)) ? [event] : [];
  });
}

export function eventHref(sagaPath: string, name: string): string {
  return `${sagaPath}/event?${new URLSearchParams({ name })}`;
}
