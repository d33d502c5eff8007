/** A ledger in PostgreSQL, in the transaction of the effect. */
import { type Entry, type Ledger, LedgerBusyError, type Settled, type Step } from './ledger.ts';
import { columnsOf, entryOf, type Row } from './row.ts';
import { type LedgerOptions, LOCK_MS } from './turns.ts';

/** What the ledger needs of a client; that of `pg` is one. */
export interface PostgresClient {
  query(text: string, values: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** To be run once, with your migrations. */
export const postgresLedgerTable = `CREATE TABLE IF NOT EXISTS saga_ledger (
  saga_id text NOT NULL,
  step text NOT NULL,
  digest text,
  action text,
  compensation text,
  settled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (saga_id, step)
);
CREATE INDEX IF NOT EXISTS saga_ledger_settled_at ON saga_ledger (settled_at);`;

/** A lock that did not come in time, a deadlock, and a snapshot that is too old: all of them are rolled back, and may be asked again. */
const BUSY = new Set(['55P03', '40P01', '40001']);

/** Leads out of the transaction, which is rolled back, with what came of the call. */
class Untouched extends Error {
  readonly result: unknown;

  constructor(result: unknown) {
    super('rolled back, because nothing is to be kept');
    this.result = result;
  }
}

/**
 * The isolation level is PostgreSQL's own, READ COMMITTED; at a higher one a call that has waited is answered 503, and comes again.
 * `lock_timeout` holds until the end of each transaction, so for what your effect waits for as well.
 *
 * ```ts
 * const ledger = postgresLedger<PoolClient>(async (work) => {
 *   const client = await pool.connect();
 *   try {
 *     await client.query('BEGIN');
 *     const result = await work(client);
 *     await client.query('COMMIT');
 *     return result;
 *   } catch (error) {
 *     await client.query('ROLLBACK');
 *     throw error;
 *   } finally {
 *     client.release();
 *   }
 * });
 * ```
 *
 * @param transaction yours: begins one, commits when `work` is through, rolls back when it throws, and throws the same
 */
export function postgresLedger<Tx extends PostgresClient>(
  transaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>,
  { lockMs = LOCK_MS }: LedgerOptions = {},
): Ledger<Tx> {
  return {
    async settle<T>(
      { sagaId, step }: Step,
      settle: (entry: Entry | null, tx: Tx) => Promise<Settled<T>>,
    ): Promise<T> {
      const key = [sagaId, step];
      try {
        return await transaction(async (tx) => {
          await tx.query(`SELECT set_config('lock_timeout', $1, true)`, [`${lockMs}ms`]);
          // Whoever comes second waits here until the first has committed, and is shown by the next statement what it wrote.
          await tx.query(
            'INSERT INTO saga_ledger (saga_id, step) VALUES ($1, $2) ON CONFLICT DO NOTHING',
            key,
          );
          const { rows } = await tx.query(
            'SELECT digest, action, compensation FROM saga_ledger WHERE saga_id = $1 AND step = $2 FOR UPDATE',
            key,
          );
          await tx.query('SAVEPOINT saga_effect', []);
          const { entry, hasEffect, result } = await settle(entryOf(rows[0] as Row | undefined), tx);
          if (entry === null) throw new Untouched(result);
          if (!hasEffect) await tx.query('ROLLBACK TO SAVEPOINT saga_effect', []);
          await tx.query(
            'UPDATE saga_ledger SET digest = $3, action = $4, compensation = $5, settled_at = now() WHERE saga_id = $1 AND step = $2',
            [...key, ...columnsOf(entry)],
          );
          return result;
        });
      } catch (error) {
        if (error instanceof Untouched) return error.result as T;
        const { code } = error as { code?: string };
        if (code === undefined || !BUSY.has(code)) throw error;
        throw new LedgerBusyError('the database had no lock for this call in time', { cause: error });
      }
    },
    async forget(before) {
      await transaction((tx) => tx.query('DELETE FROM saga_ledger WHERE settled_at < $1', [before]));
    },
  };
}
