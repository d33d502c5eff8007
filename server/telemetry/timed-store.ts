/** A store whose operations are measured; in everything else the store that it is given. */
import type { Registry } from 'prom-client';
import type { SagaStore } from '../../stores/saga-store.ts';
import { Durations } from './durations.ts';

export function timedStore(store: SagaStore, registry: Registry): SagaStore {
  const duration = new Durations({
    name: 'saga_store_operation_duration_seconds',
    help: 'Operations of the store, by operation and result (ok, error).',
    labelNames: ['operation', 'result'],
    buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [registry],
  });

  function timed<Args extends unknown[], Result>(operation: string, run: (...args: Args) => Promise<Result>) {
    const ok = duration.labels({ operation, result: 'ok' });
    const failed = duration.labels({ operation, result: 'error' });
    return async (...args: Args): Promise<Result> => {
      const startedAt = performance.now();
      try {
        const result = await run.apply(store, args);
        ok.observe((performance.now() - startedAt) / 1000);
        return result;
      } catch (error) {
        failed.observe((performance.now() - startedAt) / 1000);
        throw error;
      }
    };
  }

  return {
    info: store.info,
    audit: {
      list: timed('audit.list', (...asked) => store.audit.list(...asked)),
      tell: timed('audit.tell', (...asked) => store.audit.tell(...asked)),
      read: timed('audit.read', (...asked) => store.audit.read(...asked)),
      trim: timed('audit.trim', (...asked) => store.audit.trim(...asked)),
    },
    history: {
      add: timed('history.add', (...asked) => store.history.add(...asked)),
      read: timed('history.read', (...asked) => store.history.read(...asked)),
    },
    notes: {
      read: timed('notes.read', (...asked) => store.notes.read(...asked)),
      write: timed('notes.write', (...asked) => store.notes.write(...asked)),
    },
    newId: (key) => store.newId(key),
    now: () => store.now(),
    jumped: () => store.jumped(),
    dueInMs: (machines) => store.dueInMs(machines),
    boot: (name) => store.boot(name),
    secret: () => store.secret(),
    declare: timed('declare', store.declare),
    gone: timed('gone', store.gone),
    declared: timed('declared', store.declared),
    create: timed('create', store.create),
    known: timed('known', store.known),
    commit: timed('commit', store.commit),
    migrate: timed('migrate', store.migrate),
    claim: timed('claim', store.claim),
    signal: timed('signal', store.signal),
    renew: timed('renew', store.renew),
    release: timed('release', store.release),
    due: timed('due', store.due),
    running: timed('running', store.running),
    get: timed('get', store.get),
    statuses: timed('statuses', store.statuses),
    log: timed('log', store.log),
    list: timed('list', store.list),
    statistics: timed('statistics', store.statistics),
    tally: timed('tally', store.tally),
    countParked: timed('countParked', store.countParked),
    backlog: timed('backlog', store.backlog),
    memory: timed('memory', store.memory),
    changes: timed('changes', store.changes),
    purge: timed('purge', store.purge),
    compact: timed('compact', store.compact),
    index: timed('index', store.index),
    ping: () => store.ping(),
    tryWrite: timed('tryWrite', store.tryWrite),
    close: () => store.close(),
  };
}
