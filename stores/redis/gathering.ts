/**
 * Commands that are sent while an answer is awaited leave together, when the event loop turns: one write to the socket
 * for all sagas that came to a commit in the same turn, instead of one each. A command that is alone leaves at once, so
 * a single saga waits for nobody (the rule of RFC 896). On both sides a packet costs more than the command in it.
 */
import { Cluster } from 'ioredis';
import type { Client } from './client.ts';

const corked = new WeakSet<object>();

/** To be called right before a command is sent. A Cluster's nodes are not gathered for: whose turn it is, only ioredis knows. */
export function gather(client: Client): void {
  if (client instanceof Cluster) return;
  const { stream, commandQueue } = client as unknown as Inside;
  // Between two connections there is none.
  if (stream === undefined || commandQueue.length === 0 || corked.has(stream)) return;
  corked.add(stream);
  stream.cork();
  setImmediate(() => {
    corked.delete(stream);
    stream.uncork();
  });
}

/** What ioredis 5 keeps of a client: its socket, and the commands that were sent and not answered. */
interface Inside {
  readonly stream: { cork(): void; uncork(): void } | undefined;
  readonly commandQueue: { readonly length: number };
}
