/**
 * Which errors mean that Redis could not serve. Everything else stays what it is: a script that fails is a bug of
 * ours, and must crash loudly instead of being retried as an outage.
 */
import { StoreUnavailableError, type WritesRefused } from '../saga-store.ts';
import { inWords } from './causes.ts';
import { withoutArguments } from './client-errors.ts';

/** Replies by which Redis says that it did not execute the command. In a script they come at its first write. */
const REFUSED_BY_REDIS =
  /(?:^|@user_script: ?\d+: -?)(LOADING|BUSY|OOM|READONLY|MISCONF|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|MOVED|ASK|NOAUTH|WRONGPASS) |^NOPERM (?!.*user_script)/;
/** ioredis, of a command that it did not write to a socket; and of one that it gave up after refusals alone. */
const NOT_WRITTEN =
  /^(?:(?:Stream isn't writeable|Cluster isn't ready) and enableOfflineQueue options is false|Cluster is ended\.|None of startup nodes is available|Too many Cluster redirections\. Last error: ReplyError: (?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN) .*)$/;
/** ioredis, of a command that it wrote and whose reply never came. */
const REPLY_LOST =
  /^(Connection is closed\.$|Command timed out$|Command aborted due to connection close$|Reached the max retries per request limit|Failed to refresh slots cache\.|Too many Cluster redirections)/;

/** A key that holds another type than the store gave it. Of a script one does not learn which. */
const WRONG_TYPE = /(?:^|@user_script: ?\d+: -?|^ERR -?)WRONGTYPE /;

/** What its user may not do, in the midst of a script: there may have been writes before it. */
const REFUSED_IN_SCRIPT = /NOPERM|user executing the script can't|has no permissions/;

/**
 * The error as the contract throws it. Whatever leaves the client passes here, so that here too no error keeps the
 * arguments of its command: a client that is not from connect.ts takes none off.
 */
export function fault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreUnavailableError) return error;
  const { message } = withoutArguments(error);
  const unavailable = (notSent: boolean) =>
    new StoreUnavailableError(`Redis is unavailable: ${inWords(error)}`, notSent, { cause: error });
  if (WRONG_TYPE.test(message)) {
    const words = `A key of the store is damaged in Redis (health says which): ${message}`;
    return new StoreUnavailableError(words, false, { cause: error });
  }
  if (REFUSED_BY_REDIS.test(message) || NOT_WRITTEN.test(message)) return unavailable(true);
  // A socket's own error (ECONNRESET and its like) says nothing of what had been written before.
  if (REPLY_LOST.test(message) || REFUSED_IN_SCRIPT.test(message) || 'syscall' in error)
    return unavailable(false);
  return error;
}

export async function asking<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw fault(error);
  }
}

/**
 * What a key holds; where it is of another type than the store gave it, what stands in for that.
 * @param told is called then
 */
export async function orDamaged<T>(reply: Promise<T>, otherwise: T, told: () => void = () => {}): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('WRONGTYPE '))) throw error;
    told();
    return otherwise;
  }
}

/**
 * Waits for all parts of an operation that spans partitions. It surely did not happen only where that holds for
 * every part; one part's bug is not hidden by another's outage.
 */
export async function together<T>(parts: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(parts);
  const faults = settled.flatMap((part) => (part.status === 'rejected' ? [fault(part.reason)] : []));
  if (faults.length === 0) return settled.map((part) => (part as PromiseFulfilledResult<T>).value);
  const bug = faults.find((error) => !(error instanceof StoreUnavailableError));
  if (bug !== undefined) throw bug;
  const outages = faults as StoreUnavailableError[];
  const notSent = outages.length === parts.length && outages.every((outage) => outage.notSent);
  throw new StoreUnavailableError(outages[0]?.message ?? '', notSent, { cause: outages[0] });
}

/** What refuses, of parts that are all tried; `null` where none does. */
export async function refusedOf(parts: readonly Promise<unknown>[]): Promise<WritesRefused | null> {
  const settled = await Promise.allSettled(parts);
  const faults = settled.flatMap((part) => (part.status === 'rejected' ? [fault(part.reason)] : []));
  const [error] = faults;
  if (error === undefined) return null;
  if (!(error instanceof StoreUnavailableError)) throw error;
  return { error, everywhere: faults.length === parts.length };
}

/**
 * As `together`, for questions whose parts stand alone: what cannot be reached is left out, as long as anything can. So
 * the loss of one Cluster master does not keep the sagas of the others from being worked on.
 */
export async function reachable<T>(parts: readonly Promise<T>[]): Promise<(T | null)[]> {
  const settled = await Promise.allSettled(parts);
  const isOutage = (part: PromiseSettledResult<T>) =>
    part.status === 'rejected' && fault(part.reason) instanceof StoreUnavailableError;
  if (settled.every(isOutage) || settled.some((part) => part.status === 'rejected' && !isOutage(part))) {
    return together(parts);
  }
  return settled.map((part) => (part.status === 'fulfilled' ? part.value : null));
}
