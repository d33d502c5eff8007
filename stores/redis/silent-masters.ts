/**
 * A node of a Cluster that was silent is not believed before the others say that it still is a master. One that was frozen
 * answers what it had been sent when it wakes, before it learns that it was replaced, and then forgets it.
 *
 * - **Silent** is a connection on which nothing came for a second although something was asked. A Cluster takes longer to
 *   replace a master: `cluster-node-timeout`, and then the vote.
 * - **Only then the others are asked**, all of them; while all goes well nothing is sent. They are asked again as long as
 *   it is silent, so that one that was replaced is left before it wakes.
 * - **What it says meanwhile is held** until one of the others has named it as a master, asked after it had spoken, and none has
 *   named another in its place. Where none answers, the connection's own time-out ends it.
 * - **The connection to one that was replaced is destroyed**: what was in flight is unknown, and repeated at its successor.
 */
import type { Socket } from 'node:net';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import type { Slots } from './unknown-endpoints.ts';

const SILENT_MS = 1_000;
/** How often it is looked whether anything is unanswered: less than `SILENT_MS` by more than an answer takes. */
const LOOK_MS = 500;
/** One of the others that hangs is passed over. */
const ANSWER_MS = 1_000;

const REPLACED = 'its Cluster has made another node the master';

/** What ioredis 5 has inside: what was sent and is not yet answered. */
interface Inside {
  readonly commandQueue: { readonly length: number };
}

export function doubtSilentMasters(cluster: Cluster): void {
  cluster.on('+node', (node: Redis) => {
    node.on('connect', () => watch(cluster, node));
  });
}

function watch(cluster: Cluster, node: Redis): void {
  const stream = node.stream as Socket;
  // The first is the one by which ioredis reads; what else listens only resets timers.
  const [read] = stream.listeners('data') as [(chunk: Buffer) => void];
  const { commandQueue } = node as unknown as Inside;
  /** When it was last seen to answer, or to have answered everything. */
  let answeredMs = performance.now();
  const isSilent = () => performance.now() - answeredMs > SILENT_MS;
  /** What it has said since it was silent. */
  let held: Buffer[] = [];
  let asking = false;

  const ask = async () => {
    if (asking) return;
    asking = true;
    const { length } = held;
    const isMaster = await isMasterToOthers(cluster, node);
    asking = false;
    if (stream.destroyed) return;
    if (isMaster === false) stream.destroy(new Error(REPLACED));
    else if (isMaster && length > 0) believe();
    // It has spoken since they were asked.
    else if (held.length > 0 && length === 0) ask();
  };
  const believe = () => {
    const chunks = held;
    held = [];
    answeredMs = performance.now();
    for (const chunk of chunks) read(chunk);
  };
  const look = () => {
    if (commandQueue.length === 0) answeredMs = performance.now();
    else if (isSilent()) ask();
  };
  const timer = setInterval(look, LOOK_MS).unref();
  stream.once('close', () => clearInterval(timer));
  stream.off('data', read);
  stream.prependListener('data', (chunk: Buffer) => {
    if (!isSilent()) {
      answeredMs = performance.now();
      read(chunk);
      return;
    }
    held.push(chunk);
    ask();
  });
}

/** What those of the others say that answer; `null` where none does. With nobody else there is nobody to replace it. */
async function isMasterToOthers(cluster: Cluster, node: Redis): Promise<boolean | null> {
  // An older connection to it may be ending still, beside the one that the pool has.
  const others = cluster.nodes().filter(({ options }) => addressOf(options) !== addressOf(node.options));
  if (others.length === 0) return true;
  return new Promise((resolve) => {
    const asked = others.map(async (other) => {
      const isMaster = await isMasterTo(other, node);
      if (isMaster === false) resolve(false);
      return isMaster;
    });
    Promise.all(asked).then((all) => resolve(all.includes(true) ? true : null));
  });
}

/** `null` where it does not answer. */
async function isMasterTo(other: Redis, node: Redis): Promise<boolean | null> {
  const connection = other.duplicate({
    enableOfflineQueue: true,
    enableReadyCheck: false,
    readOnly: false,
    retryStrategy: () => null,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
  });
  connection.on('error', () => {});
  const slots = await new Promise<Slots | undefined>((resolve) => {
    connection.cluster('SLOTS', (_, answer) => resolve(answer as Slots | undefined));
  });
  connection.disconnect();
  if (slots === undefined) return null;
  return slots.some(([, , master]) => `${master?.[0]}:${master?.[1]}` === addressOf(node.options));
}

function addressOf({ host, port }: Pick<RedisOptions, 'host' | 'port'>): string {
  return `${host}:${port}`;
}
