/**
 * Measures what failovers forget: sagas are created and committed without pause, the master is replaced, and when the
 * sentinels have named another one and the old one follows it, everything that was acknowledged is looked for.
 *
 *   node --import tsx test/redis/failover-loss.ts [--failovers 5] [--delay-ms 2] [--writers 32] [--how killed,planned,frozen]
 *     [--wait 0,1,2] [--fsync everysec,always]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { NewSaga, SagaStatus, Write } from '../../stores/saga-store.ts';
import type { RedisServerOptions } from '../redis-server.ts';
import { type Front, openFront } from './replica-link.ts';
import { startSentinels, WAYS } from './sentinel.ts';
import { served } from './until.ts';

const { values } = parseArgs({
  options: {
    failovers: { type: 'string', default: '5' },
    'delay-ms': { type: 'string', default: '2' },
    writers: { type: 'string', default: '32' },
    how: { type: 'string', default: 'killed,planned,frozen' },
    wait: { type: 'string', default: '0,1' },
    fsync: { type: 'string', default: 'everysec' },
  },
});
const FAILOVERS = Number(values.failovers);
const DELAY_MS = Number(values['delay-ms']);
const WRITERS = Number(values.writers);
const REPLICAS = 2;
/** Sagas acknowledged before the kill: at least so many, and at most twice that. */
const SAGAS = 1_000;
const MINUTE = 60_000;

interface Mode {
  readonly how: keyof typeof WAYS;
  readonly appendfsync: NonNullable<RedisServerOptions['appendfsync']>;
  readonly waitFor: number;
}
const listed = (text: string) => text.split(',');
const MODES: readonly Mode[] = listed(values.how).flatMap((how) =>
  listed(values.fsync).flatMap((appendfsync) =>
    listed(values.wait).map((waitFor) => ({ how, appendfsync, waitFor: Number(waitFor) }) as Mode),
  ),
);
for (const { how } of MODES) if (!(how in WAYS)) throw new RangeError(`--how knows ${Object.keys(WAYS)}`);

interface Round {
  readonly sagas: number;
  readonly sagasLost: number;
  readonly commits: number;
  readonly commitsLost: number;
  readonly writesPerSecond: number;
  readonly awayMs: number;
  /** How often the sentinels have replaced a master: once, as they were asked to, or more. */
  readonly replacements: number;
}

/** Every write of the load, in a row for each writer: what it was told of them, and when. */
class Load {
  /** Acknowledged: the status that the saga must have at least reached. */
  readonly created = new Set<string>();
  readonly committed = new Set<string>();
  answers = 0;
  lastAnswerMs = 0;
  /** The longest time without an answer to anybody. */
  awayMs = 0;
  ended = false;
  readonly #store: RedisStore;
  #writes = 0;

  constructor(store: RedisStore) {
    this.#store = store;
  }

  async write(): Promise<void> {
    while (!this.ended) {
      const saga = this.#saga();
      const created = await this.#answered(() => this.#store.create(saga));
      if (created?.kind !== 'created') continue;
      this.created.add(saga.id);
      const done = this.#body('done', { kind: 'end', status: 'COMPLETED', keepMs: 60 * MINUTE });
      const result = await this.#answered(() => this.#store.commit(saga.id, created.fence, done));
      if (result?.kind === 'committed') this.committed.add(saga.id);
    }
  }

  /** Repeats as the engine does, with the same write id; gives up only with the load. */
  async #answered<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const answer = await served(async () => (this.ended ? undefined : await ask()));
    const now = performance.now();
    if (this.lastAnswerMs > 0) this.awayMs = Math.max(this.awayMs, now - this.lastAnswerMs);
    this.lastAnswerMs = now;
    this.answers += 1;
    return answer;
  }

  #saga(): NewSaga {
    return {
      ...this.#body('started', { kind: 'act', leaseMs: MINUTE }),
      id: this.#store.newId(null),
      machine: { id: 'order', version: '1', structure: 'x' },
      trace: null,
      idempotency: null,
    };
  }

  #body(event: string, next: Write['next']): Write {
    this.#writes += 1;
    const none = { step: null, kind: null, attempt: null, outcome: null, duration_ms: null, error: null };
    return {
      writeId: `load/${this.#writes}`,
      owner: { name: 'load', boot: 1 },
      // About as long as that of an order.
      snapshot: JSON.stringify({ value: event, context: 'x'.repeat(1_000) }),
      summary: {
        state: event,
        label: null,
        steps_completed: 0,
        total_steps: 1,
        failed_step: null,
        failed_step_index: null,
      },
      entry: { at: new Date().toISOString(), event, ...none, from: null, to: event },
      counts: {},
      next,
    };
  }
}

/** Looked at now and then: to ask without pause would take the processor from what is measured. */
async function reached(count: number, of: () => number): Promise<void> {
  while (of() < count) await delay(10);
}

async function round({ how, appendfsync, waitFor }: Mode): Promise<Round> {
  const fronts: Front[] = [];
  const sentinels = await startSentinels({
    replicas: REPLICAS,
    patient: true,
    appendonly: true,
    appendfsync,
    frontOf: async ({ port }) => {
      const front = await openFront(port, DELAY_MS);
      fronts.push(front);
      return front;
    },
  });
  const store = await RedisStore.open({
    redis: connect(sentinels.url),
    ...(waitFor > 0 ? { waitReplicas: { count: waitFor, timeoutMs: 1_000 } } : {}),
  });
  try {
    const load = new Load(store);
    const startedMs = performance.now();
    const writers = Array.from({ length: WRITERS }, () => load.write());
    await reached(SAGAS * (1 + Math.random()), () => load.created.size);
    const writesPerSecond = (1_000 * load.answers) / (performance.now() - startedMs);
    await WAYS[how](sentinels);
    // Where all are waited for, nobody is answered before the one that was killed is back, as a replica.
    if (waitFor >= REPLICAS) await sentinels.mend();
    await reached(load.answers + 20 * WRITERS, () => load.answers);
    load.ended = true;
    await Promise.all(writers);

    const ids = [...load.created];
    const found = await served(() => store.statuses(ids));
    // On a busy machine sentinels may replace the successor too.
    const replacements = await sentinels.replacements();
    const statuses = new Map<string, SagaStatus | null>(ids.map((id, index) => [id, found[index] ?? null]));
    return {
      sagas: load.created.size,
      sagasLost: ids.filter((id) => statuses.get(id) === null).length,
      commits: load.committed.size,
      commitsLost: [...load.committed].filter((id) => statuses.get(id) !== 'COMPLETED').length,
      writesPerSecond,
      awayMs: load.awayMs,
      replacements,
    };
  } finally {
    await store.close();
    await sentinels.stop();
    await Promise.all(fronts.map((front) => front.close()));
  }
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const sum = (rounds: readonly Round[], what: keyof Round) =>
  rounds.reduce((all, each) => all + each[what], 0);

say(
  `${FAILOVERS} failovers a mode, ${DELAY_MS} ms to the replicas, ${WRITERS} writers, ${REPLICAS} replicas, 3 sentinels\n`,
);
say(
  '| master | fsync | WAIT | sagas acknowledged | lost | commits acknowledged | lost | failovers that lost any | writes/s | away, median |',
);
say('|---|---|---|---|---|---|---|---|---|---|');
for (const mode of MODES) {
  const rounds: Round[] = [];
  for (let n = 0; n < FAILOVERS; n += 1) {
    const last = await round(mode);
    rounds.push(last);
    const awaySeconds = (last.awayMs / 1_000).toFixed(1);
    // Apart from the table: each takes half a minute, and what was measured before an end that comes too early counts too.
    process.stderr.write(
      `${mode.how} ${mode.appendfsync} WAIT ${mode.waitFor}, ${n + 1} of ${FAILOVERS}: lost ${last.sagasLost} of ${last.sagas} sagas, ${last.commitsLost} of ${last.commits} commits; ${awaySeconds} s away, replaced ${last.replacements} times\n`,
    );
  }
  const away = rounds.map(({ awayMs }) => awayMs).sort((a, b) => a - b)[Math.floor(FAILOVERS / 2)] ?? 0;
  const cells = [
    mode.how,
    mode.appendfsync,
    mode.waitFor,
    sum(rounds, 'sagas'),
    sum(rounds, 'sagasLost'),
    sum(rounds, 'commits'),
    sum(rounds, 'commitsLost'),
    rounds.filter(({ sagasLost, commitsLost }) => sagasLost + commitsLost > 0).length,
    Math.round(sum(rounds, 'writesPerSecond') / FAILOVERS),
    `${(away / 1_000).toFixed(1)} s`,
  ];
  say(`| ${cells.join(' | ')} |`);
}
