/** Follows what happens, over the coordinator's stream of events; goes on where it was when the stream breaks off. */
import { eventsPath, sagaPath } from '../client/client.ts';
import { type Followed, follow } from '../client/following.ts';
import { parse } from '../json/exact.ts';
import type { Command, Invocation } from './command.ts';
import { asSaga } from './saga.ts';
import { EXIT, type ExitCode } from './surroundings.ts';
import { asJson, type Paint, painter, shown, statusColour } from './text.ts';
import { exitCodeOf } from './waiting.ts';

interface Change {
  readonly saga_id?: unknown;
  readonly seq?: unknown;
  readonly status?: unknown;
  readonly state?: unknown;
}

export const watch: Command = {
  summary: 'what happens to all sagas, or to one until it has ended',
  words: [{ name: 'ID', isSaga: true, isOptional: true }],
  options: {},
  async run(invocation) {
    const { transport, words, around } = invocation;
    const [id] = words;
    const onBreak = (trouble: string) => around.err.write(`${shown(trouble)}; going on where it was\n`);
    for await (const event of follow(transport, eventsPath(id), { pause: around.pause, onBreak })) {
      // Looked at once the stream is open, so that no end falls between the two.
      const ended = event.type === 'open' && id !== undefined ? await endOf(invocation, id) : null;
      if (ended !== null) return ended;
      const change = tell(event, invocation);
      if (id !== undefined && isOver(change)) return exitCodeOf({ status: String(change?.status) });
    }
    return EXIT.ok;
  },
};

/** How the saga ended, where it has. */
async function endOf(
  { coordinator, around, asJson: json }: Invocation,
  id: string,
): Promise<ExitCode | null> {
  const { body } = await coordinator.ask(sagaPath(id));
  const saga = asSaga(body);
  if (!isOver(saga)) return null;
  const { saga_id, status, state } = saga;
  const change = { saga_id, seq: saga.execution_log.at(-1)?.seq, status, state };
  around.out.write(json ? `${asJson(change)}\n` : line(change, painter(around.out.isTerminal, around.env)));
  return exitCodeOf(saga);
}

function isOver(change: Change | null): boolean {
  return change !== null && ['COMPLETED', 'FAILED', 'ABORTED'].includes(String(change.status));
}

/** Tells of an event, and answers the change of a saga, if it is one. */
function tell(event: Followed, { asJson: json, around: { out, err, env } }: Invocation): Change | null {
  if (event.type === 'open' || !('data' in event)) return null;
  const { type, data } = event;
  if (type === 'gap') {
    err.write('something was left out: look afresh with `saga list`\n');
    return null;
  }
  const change = type === 'saga' && data !== null ? changeIn(data) : null;
  if (change === null) return null;
  out.write(json ? `${asJson(change)}\n` : line(change, painter(out.isTerminal, env)));
  return change;
}

function changeIn(data: string): Change | null {
  try {
    const found = parse(data);
    return typeof found === 'object' && found !== null ? found : null;
  } catch {
    return null;
  }
}

function line({ saga_id: id, seq, status, state }: Change, paint: Paint): string {
  const padded = shown(status).padEnd('COMPLETED'.length);
  return `${shown(id)}  ${shown(seq).padStart(3)}  ${paint(statusColour(String(status)), padded)}  ${shown(state)}\n`;
}
