/**
 * What ioredis tells of its errors, too much and too little. Each error reply carries the command with its arguments,
 * which are a saga's data: they are taken off where the reply arrives, before anybody can log them. And a command that
 * finds no connection is only told that there is none: why there is none is kept here, and added.
 */
import type { Writable } from 'node:stream';
import { Cluster, Redis } from 'ioredis';
import type { Client } from './client.ts';

/** Why a client has no connection; nothing while it has one. */
const reasons = new WeakMap<object, Error>();

/** What ioredis 5 has inside: called with each error. */
interface Inside {
  handleReconnection(
    error: Error,
    item: { readonly command: { readonly name: string; reject(error: Error): void } },
  ): void;
  readonly stream?: Writable;
  sendCommand(command: { reject(error: Error): void }, ...rest: unknown[]): unknown;
  handleError(error: Error, ...rest: unknown[]): void;
  flushQueue(error: Error, ...rest: unknown[]): void;
}

export function watchErrors(client: Client): void {
  if (client instanceof Cluster) watchCluster(client);
  else watchServer(client, client);
}

/** Why there is no connection, or why the last one did not come to be. */
export function reasonOf(client: object): Error | null {
  return reasons.get(client) ?? null;
}

/** @param owner whose commands suffer: the client itself, or the Cluster whose node it is */
function watchServer(redis: Redis, owner: Client): void {
  const inside = redis as unknown as Inside;
  const answered = inside.handleReconnection.bind(redis);
  // Called for each error reply, and for nothing else: what goes well does not pass here.
  inside.handleReconnection = (error, item) => {
    withoutArguments(error);
    // A refused login, or a server that is full: ioredis asks on, and tells nobody.
    if (redis.status !== 'ready' && !reasons.has(owner) && !/^(NOSCRIPT|LOADING)/.test(error.message))
      reasons.set(owner, error);
    if (item.command.name === 'select') giveUp(redis);
    // By an earlier refusal it is being left already: for each further one ioredis would leave it again, with a timer and a listener.
    if (inside.stream?.writableEnded) item.command.reject(error);
    else answered(error, item);
  };
  redis.on('error', (error) => learn(owner, redis.status === 'ready' ? error : unanswered(error, redis)));
  if (owner === redis) sayWhyWhileAway(redis);
}

/**
 * A connection whose database was refused is in another one, of which ioredis makes nothing: it would be ready for use.
 * By another epoch ioredis takes its question whether it is for an older connection's.
 */
function giveUp(redis: Redis): void {
  (redis as unknown as { connectionEpoch: number }).connectionEpoch += 1;
  redis.disconnect(true);
}

/** While there is no connection, what is asked of it is told why: then alone its commands pass through here. */
function sayWhyWhileAway(redis: Redis): void {
  const inside = redis as unknown as Inside & { sendCommand?: Inside['sendCommand'] };
  const { sendCommand } = Redis.prototype as unknown as Inside;
  const away: Inside['sendCommand'] = (command, ...rest) => {
    const reject = command.reject.bind(command);
    command.reject = (error) => reject(because(error, redis));
    return sendCommand.call(redis, command, ...rest);
  };
  inside.sendCommand = away;
  // What was under way when the connection ended.
  const flush = inside.flushQueue.bind(redis);
  inside.flushQueue = (error, ...rest) => flush(because(error, redis), ...rest);
  let served = false;
  redis.on('connect', () => {
    served = false;
    reasons.delete(redis);
  });
  redis.on('close', () => {
    if (!reasons.has(redis)) reasons.set(redis, new Error(served ? ENDED : closedOf(redis)));
    inside.sendCommand = away;
  });
  redis.on('ready', () => {
    served = true;
    reasons.delete(redis);
    delete (inside as { sendCommand?: unknown }).sendCommand;
  });
}

/** What ioredis says of its own accord hides what it has met before. */
const VAGUE = /^(Connection is closed|None of startup nodes|Failed to refresh)/;

function learn(client: Client, error: Error): void {
  if (reasons.has(client) && VAGUE.test(error.message)) return;
  reasons.set(client, withoutArguments(error));
}

/** Of a connection that served. */
const ENDED = 'the connection has ended';

/** Of one that never did. */
function closedOf({ options }: Redis): string {
  return `the ${options.tls ? 'TLS ' : ''}connection was closed from there, without a word`;
}

/** Whoever wants a certificate says so only after the handshake, and a client that has written meanwhile may never read it. */
export function unanswered(error: Error, redis: Redis): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return error;
  return new Error(`${closedOf(redis)}: ${error.message}`, { cause: error });
}

function watchCluster(cluster: Cluster): void {
  cluster.on('+node', (node: Redis) => {
    watchServer(node, cluster);
    // By a copy of its own ioredis asks for the slots, and so meets first what is wrong with the connection.
    const duplicate = node.duplicate.bind(node);
    node.duplicate = (options) => duplicate(options).on('error', (error) => learn(cluster, error));
  });
  cluster.on('node error', (error: Error) => learn(cluster, error));
  cluster.on('ready', () => reasons.delete(cluster));
  const inside = cluster as unknown as Inside;
  const handle = inside.handleError.bind(cluster);
  inside.handleError = (error, ...rest) => handle(because(error, cluster), ...rest);
}

/** An error reply of Redis stands for itself; what ioredis says of its own accord is told with the reason behind it. */
function because(error: Error, client: object): Error {
  const reason = reasons.get(client);
  if (reason !== undefined && error.name !== 'ReplyError' && error.cause === undefined) error.cause = reason;
  return error;
}

/** The beginning of a command that Redis does not know stands even in the message, and there in the stack too. */
const SAID_AGAIN = /, with args beginning with: .*/s;

/** The same error, without the arguments of its command. Its name stays: it says what may not be done, or failed. */
export function withoutArguments(error: Error): Error {
  const { command } = error as { command?: { name?: string } };
  if (command !== undefined) Object.assign(error, { command: { name: command.name } });
  if (SAID_AGAIN.test(error.message)) {
    error.message = error.message.replace(SAID_AGAIN, '');
    error.stack = `${error.name}: ${error.message}`;
  }
  return error;
}
