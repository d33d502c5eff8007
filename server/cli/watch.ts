/** Follows what happens, over the coordinator's stream of events; goes on where it was when the stream breaks off. */
import { isPassing, UnreachableError } from './coordinator.ts';
import { type ServerEvent, serverEvents } from './events.ts';
import type { Command, Invocation } from './run.ts';
import { asSaga, sagaPath } from './saga.ts';
import { exitCodeOf } from './submit.ts';
import type { ExitCode } from './surroundings.ts';
import { asJson, type Paint, painter, shown, statusColour } from './text.ts';

const FAILURES_MAX = 10;
const RETRY_MS = 1000;

interface Change {
  readonly saga_id?: unknown;
  readonly seq?: unknown;
  readonly status?: unknown;
  readonly state?: unknown;
}

export const watch: Command = {
  options: {},
  words: [0, 1],
  async run(invocation) {
    const { coordinator, words, around } = invocation;
    const [id] = words;
    const path = id === undefined ? '/api/coordinator/events' : sagaPath(id, '/events');
    let position: string | null = null;
    let hasOpened = false;
    for (let failures = 0; ; failures += 1) {
      let trouble = 'the stream has ended';
      try {
        const stream = await coordinator.stream(path, position);
        hasOpened = true;
        // Looked at once the stream is open, so that no end falls between the two.
        const ended = id === undefined ? null : await endOf(invocation, id);
        if (ended !== null) {
          await stream.cancel();
          return ended;
        }
        for await (const event of eventsIn(stream)) {
          failures = 0;
          if (event.id !== '') position = event.id;
          const change = tell(event, invocation);
          if (id !== undefined && isOver(change)) return exitCodeOf({ status: String(change?.status) });
        }
      } catch (error) {
        if (!hasOpened || !isPassing(error)) throw error;
        trouble = error.message;
      }
      if (failures >= FAILURES_MAX) throw new UnreachableError(trouble);
      around.err.write(`${shown(trouble)}; going on where it was\n`);
      await around.pause(RETRY_MS);
    }
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

async function* eventsIn(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, undefined> {
  try {
    yield* serverEvents(stream as unknown as AsyncIterable<Uint8Array>);
  } catch (error) {
    throw new UnreachableError(`the stream broke off: ${(error as Error).message}`);
  }
  return undefined;
}

/** Tells of an event, and answers the change of a saga, if it is one. */
function tell(
  { type, data }: ServerEvent,
  { asJson: json, around: { out, err, env } }: Invocation,
): Change | null {
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
    const found: unknown = JSON.parse(data);
    return typeof found === 'object' && found !== null ? found : null;
  } catch {
    return null;
  }
}

function line({ saga_id: id, seq, status, state }: Change, paint: Paint): string {
  const padded = shown(status).padEnd('COMPLETED'.length);
  return `${shown(id)}  ${shown(seq).padStart(3)}  ${paint(statusColour(String(status)), padded)}  ${shown(state)}\n`;
}
