/**
 * The Lua scripts, how they are called, and what their codes mean. A script refuses with an integer; the named
 * result that the contract speaks of is made here and nowhere else.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'ioredis';
import {
  type CommitResult,
  type CreateResult,
  type Fence,
  type Granted,
  LOG_FIRST,
  LOG_MAX,
  LOG_SLACK,
  type SignalResult,
  StoreUnavailableError,
} from '../saga-store.ts';
import type { Client } from './client.ts';
import { fault } from './faults.ts';
import { gather } from './gathering.ts';
import { CAUSE_FIELDS_MAX } from './parked.ts';
import { isRefusal, refusal } from './permissions.ts';
import { decodeSignals } from './record.ts';
import type { ReplicaWait } from './replica-wait.ts';
import { BUCKET_SHORT } from './terms.ts';

interface Loaded {
  readonly lua: string;
  readonly sha: string;
}

/** What the scripts must know of the contract. */
const BOUNDS =
  `local LOG_FIRST, LOG_MAX, LOG_SLACK = ${LOG_FIRST}, ${LOG_MAX}, ${LOG_SLACK}` +
  ` local CAUSE_FIELDS_MAX, BUCKET_SHORT = ${CAUSE_FIELDS_MAX}, ${BUCKET_SHORT}`;

/**
 * The last file is the script, those before it are preludes. Of a prelude it carries only those functions that it uses: Lua
 * makes each of them anew in every call.
 */
function script(...files: readonly string[]): Loaded {
  // Redis keeps and reads the text whole. Comments go, their lines stay: an error names the line in the file.
  const texts = files.map((file) =>
    readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8').replace(/^ *--.*$/gm, ''),
  );
  const lua = texts.reduceRight((below, prelude) => `${usedBy(below, prelude)}\n${below}`);
  return { lua: `${BOUNDS}\n${lua}`, sha: createHash('sha1').update(`${BOUNDS}\n${lua}`).digest('hex') };
}

/** From the last to the first, because they use each other upwards only. */
function usedBy(below: string, prelude: string): string {
  const parts = prelude.split(/^(?=local function )/m);
  return parts.reduceRight((kept, part) => {
    const [, name] = /^local function (\w+)/.exec(part) ?? [];
    const isUsed = name === undefined || new RegExp(`\\b${name}\\b`).test(`${kept}\n${below}`);
    return (isUsed ? part : part.replace(/.+/g, '')) + kept;
  }, '');
}

export const SCRIPTS = {
  create: script('shared', 'books', 'write', 'create'),
  commit: script('shared', 'books', 'write', 'commit'),
  begin: script('shared', 'books', 'begin'),
  advance: script('shared', 'advance'),
  finish: script('shared', 'books', 'finish'),
  claim: script('shared', 'books', 'claim'),
  renew: script('shared', 'renew'),
  release: script('shared', 'release'),
  purge: script('shared', 'books', 'purge'),
  signal: script('shared', 'signal'),
  declare: script('shared', 'declare'),
  tick: script('shared', 'tick'),
  lookout: script('shared', 'lookout'),
  compact: script('shared', 'compact'),
  counted: script('shared', 'books', 'counted'),
  migrate: script('shared', 'books', 'migrate'),
  enter: script('shared', 'enter'),
  leave: script('shared', 'leave'),
  trim: script('shared', 'trim'),
  postpone: script('shared', 'postpone'),
  history: script('history'),
  boot: script('boot'),
  note: script('note'),
};
export type Script = keyof typeof SCRIPTS;

/**
 * Runs one atomic move by its hash, and sends its text only where Redis does not know it: after a restart, a
 * failover or a SCRIPT FLUSH. A script that Redis did not know did nothing, so sending it then is safe.
 * @param replicas whom to wait for, if anybody
 * @throws StoreUnavailableError where Redis cannot serve
 */
export async function run(
  client: Client,
  name: Script,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
  replicas: ReplicaWait | null = null,
): Promise<unknown[]> {
  const { lua, sha } = SCRIPTS[name];
  gather(client);
  const byHash = () => evalsha(client, sha, keys, args);
  try {
    return (await (replicas ? replicas.after(byHash) : byHash())) as unknown[];
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT')))
      throw await told(client, keys, error);
    const byText = () => client.eval(lua, keys.length, listed(keys, args));
    try {
      return (await (replicas ? replicas.after(byText) : byText())) as unknown[];
    } catch (refused) {
      throw await told(client, keys, refused);
    }
  }
}

/**
 * Sent as `client.evalsha` sends it. That copies its parameters one by one to make a flat list of them, which costs more than all else
 * that ioredis does for a call: here they are one already.
 */
function evalsha(
  client: Client,
  sha: string,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
): Promise<unknown> {
  const isText = args.every((arg) => typeof arg === 'string');
  // What stands in for Redis in tests has no commands to send, and a client that puts a prefix before keys does so where it makes them.
  if (!isText || !('sendCommand' in client) || client.options.keyPrefix)
    return client.evalsha(sha, keys.length, listed(keys, args));
  const command = new Command('evalsha', [], { replyEncoding: 'utf8' });
  command.args = [sha, String(keys.length)].concat(keys, args);
  return client.sendCommand(command) as Promise<unknown>;
}

/** As one list, which ioredis flattens whatever its types say: some thirty parameters of a call cost it more. */
function listed(keys: readonly string[], args: readonly (string | Buffer)[]): string {
  return [...keys, ...args] as unknown as string;
}

/** What a script says that failed for one saga of several. */
export function faultOf(client: Client, keys: readonly string[], said: string): Promise<unknown> {
  return told(client, keys, new Error(said));
}

/** A script that was refused a command does not say which: that is asked. */
async function told(client: Client, [key = '']: readonly string[], error: unknown): Promise<unknown> {
  const thrown = fault(error);
  return error instanceof Error && isRefusal(error) ? refusal(client, key, error) : thrown;
}

/** The codes of lua/shared.lua. */
const DONE = 0;
const EXISTS = 1;
const KEY_REUSED = 2;
const STALE = 3;
const MISSING = 4;
const SIGNALLED = 5;
const MOVED = 6;
const FULL = 7;
const ENDED = 8;
const ELSEWHERE = 9;
const KEY_UNREADABLE = 10;
const UNLINKED = 11;

/**
 * Writes and signals reply: code, log entries, remaining ms, the store's clock; then create the saga's id, and commit
 * the text of the mailbox that it has not seen, and either the end of the audit that it was not linked to.
 */
export type WriteReply = readonly [
  code: number,
  seq: number,
  remainingMs: number,
  nowMs: number,
  text?: string,
  end?: string,
];

/** The end that an audit has, where lines were linked to another: nothing was written then. */
export function otherEnd([code, , , , last = '', end = '']: WriteReply): AuditEnd | null {
  return code === UNLINKED ? { end, last } : null;
}

export function isDone([code]: WriteReply): boolean {
  return code === DONE;
}

export interface AuditEnd {
  /** As endOf in lua/shared.lua tells it. */
  readonly end: string;
  /** The last line. */
  readonly last: string;
}

function granted(fence: Fence, [, seq, remainingMs]: WriteReply): Granted {
  return { fence, seq, remainingMs };
}

export function createResult(reply: WriteReply, writeId: string): CreateResult {
  const [code, , , , id = ''] = reply;
  if (code === DONE) return { kind: 'created', ...granted({ revision: 1, writeId }, reply) };
  if (code === EXISTS) return { kind: 'exists', id };
  if (code === KEY_REUSED) return { kind: 'key-reused', id };
  if (code === FULL) return { kind: 'full' };
  if (code === KEY_UNREADABLE) {
    throw new StoreUnavailableError('The record of this idempotency key is damaged in Redis', true);
  }
  throw new Error(`create.lua returned the unknown code ${code}`);
}

export function commitResult(reply: WriteReply, expected: Fence, writeId: string): CommitResult {
  const [code, , , , text = ''] = reply;
  if (code === DONE) {
    return { kind: 'committed', ...granted({ revision: expected.revision + 1, writeId }, reply) };
  }
  if (code === STALE) return { kind: 'stale' };
  if (code === MISSING) return { kind: 'missing' };
  if (code === SIGNALLED) return { kind: 'signalled', signals: decodeSignals(text) };
  throw new Error(`commit.lua returned the unknown code ${code}`);
}

/** `null` where the saga has moved to another version, and its due index must be named anew. */
export function signalResult([code, seq]: WriteReply): SignalResult | null {
  if (code === ELSEWHERE) return null;
  if (code === DONE) return { kind: 'accepted' };
  if (code === MOVED) return { kind: 'moved', seq };
  if (code === FULL) return { kind: 'full' };
  if (code === ENDED) return { kind: 'ended' };
  if (code === MISSING) return { kind: 'missing' };
  throw new Error(`signal.lua returned the unknown code ${code}`);
}
