/**
 * Commands that are sent while an answer is awaited leave together, when the event loop turns: one write to the socket
 * for all sagas that came to a commit in the same turn, instead of one each. A command that is alone leaves at once, so
 * a single saga waits for nobody (the rule of RFC 896). On both sides a packet costs more than the command in it.
 */
import { Cluster } from 'ioredis';
import type { Client } from './client.ts';

/** What is still to be sent on sockets that are held back, when they are let go. */
const corked = new WeakMap<object, (() => void)[]>();

/**
 * To be called right before a command is sent. A Cluster's nodes are not gathered for: whose turn it is, only ioredis knows.
 * @param atTurn where the command would be held back now, this is called instead, right before all of them leave
 * @returns whether that is so
 */
export function gather(client: Client, atTurn?: () => void): boolean {
  if (client instanceof Cluster) return false;
  const { stream, commandQueue } = client as unknown as Inside;
  // Between two connections there is none.
  if (stream === undefined) return false;
  const waiting = corked.get(stream);
  if (waiting !== undefined) {
    if (atTurn !== undefined) waiting.push(atTurn);
    return true;
  }
  if (commandQueue.length === 0) return false;
  const last = atTurn === undefined ? [] : [atTurn];
  corked.set(stream, last);
  stream.cork();
  setImmediate(() => {
    for (const send of last) send();
    corked.delete(stream);
    stream.uncork();
  });
  return true;
}

/** What ioredis 5 keeps of a client: its socket, and the commands that were sent and not answered. */
interface Inside {
  readonly stream: { cork(): void; uncork(): void } | undefined;
  readonly commandQueue: { readonly length: number };
}
