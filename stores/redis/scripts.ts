/**
 * The Lua scripts, how they are called, and what their codes mean. A script refuses with an integer; the named
 * result that the contract speaks of is made here and nowhere else.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import type { CommitResult, CreateResult, Fence, Granted } from '../saga-store.ts';

export type Client = Redis | Cluster;

interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(...files: readonly string[]): Script {
  const lua = files
    .map((file) => readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8'))
    .join('\n');
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

const SCRIPTS = {
  create: script('shared', 'write', 'create'),
  commit: script('shared', 'write', 'commit'),
  claim: script('shared', 'claim'),
  release: script('shared', 'release'),
  purge: script('shared', 'purge'),
};

/**
 * Runs one atomic move by its hash, and sends its text only where Redis does not know it: after a restart, a
 * failover or a SCRIPT FLUSH. A script that Redis did not know did nothing, so sending it then is safe.
 */
export async function run(
  client: Client,
  name: keyof typeof SCRIPTS,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown[]> {
  const { lua, sha } = SCRIPTS[name];
  try {
    return (await client.evalsha(sha, keys.length, ...keys, ...args)) as unknown[];
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return (await client.eval(lua, keys.length, ...keys, ...args)) as unknown[];
  }
}

/** The codes of lua/shared.lua. */
const DONE = 0;
const EXISTS = 1;
const KEY_REUSED = 2;
const STALE = 3;
const MISSING = 4;

/** Create and commit reply: code, log entries, remaining ms, the store's clock, and create the saga's id. */
export type WriteReply = readonly [
  code: number,
  seq: number,
  remainingMs: number,
  nowMs: number,
  id?: string,
];

function granted(fence: Fence, [, seq, remainingMs]: WriteReply): Granted {
  return { fence, seq, remainingMs };
}

export function createResult(reply: WriteReply, writeId: string): CreateResult {
  const [code, , , , id = ''] = reply;
  if (code === DONE) return { kind: 'created', ...granted({ revision: 1, writeId }, reply) };
  if (code === EXISTS) return { kind: 'exists', id };
  if (code === KEY_REUSED) return { kind: 'key-reused', id };
  throw new Error(`create.lua returned the unknown code ${code}`);
}

export function commitResult(reply: WriteReply, expected: Fence, writeId: string): CommitResult {
  const [code] = reply;
  if (code === DONE) {
    return { kind: 'committed', ...granted({ revision: expected.revision + 1, writeId }, reply) };
  }
  if (code === STALE) return { kind: 'stale' };
  if (code === MISSING) return { kind: 'missing' };
  throw new Error(`commit.lua returned the unknown code ${code}`);
}
