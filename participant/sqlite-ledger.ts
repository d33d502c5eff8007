/** A ledger in SQLite, in the transaction of the effect: by better-sqlite3, by node:sqlite, or by what looks like them. */
import { type Ledger, LedgerBusyError } from './ledger.ts';
import { columnsOf, entryOf, type Row } from './row.ts';
import { type LedgerOptions, LOCK_MS, Turns } from './turns.ts';

export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): {
    run(...values: (string | number | null)[]): unknown;
    get(...values: (string | number | null)[]): unknown;
  };
}

/** To be run once, by `exec`. */
export const sqliteLedgerTable = `CREATE TABLE IF NOT EXISTS saga_ledger (
  saga_id TEXT NOT NULL,
  step TEXT NOT NULL,
  digest TEXT,
  action TEXT,
  compensation TEXT,
  settled_at INTEGER NOT NULL,
  PRIMARY KEY (saga_id, step)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS saga_ledger_settled_at ON saga_ledger (settled_at);`;

/**
 * A connection has one transaction at a time, so calls of all steps come one after the other. Give the ledger a connection of its own, and
 * write effects by the `tx` of the call: what others write by this connection meanwhile would stand or fall with the call.
 * `lockMs` is about calls of this process; for those of others SQLite waits by its own `busy_timeout`, and blocks the process while it does.
 */
export function sqliteLedger<Database extends SqliteDatabase>(
  database: Database,
  { lockMs = LOCK_MS }: LedgerOptions = {},
): Ledger<Database> {
  const turns = new Turns(lockMs);
  return {
    settle: ({ sagaId, step }, settle) =>
      turns.take('', async () => {
        let isOpen = false;
        try {
          database.exec('BEGIN IMMEDIATE');
          isOpen = true;
          const row = database
            .prepare('SELECT digest, action, compensation FROM saga_ledger WHERE saga_id = ? AND step = ?')
            .get(sagaId, step);
          database.exec('SAVEPOINT saga_effect');
          const { entry, hasEffect, result } = await settle(entryOf(row as Row | undefined), database);
          if (!hasEffect) database.exec('ROLLBACK TO saga_effect');
          if (entry !== null) {
            database
              .prepare('INSERT OR REPLACE INTO saga_ledger VALUES (?, ?, ?, ?, ?, ?)')
              .run(sagaId, step, ...columnsOf(entry), Date.now());
          }
          database.exec('COMMIT');
          return result;
        } catch (error) {
          if (isOpen) rollBack(database);
          throw isBusy(error)
            ? new LedgerBusyError('another process writes to the database', { cause: error })
            : error;
        }
      }),
    async forget(before) {
      await turns.take('', async () =>
        database.prepare('DELETE FROM saga_ledger WHERE settled_at < ?').run(before.getTime()),
      );
    },
  };
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // After some errors (a full disk) SQLite has rolled back by itself, and there is no transaction any more.
  }
}

const SQLITE_BUSY = 5;

/** better-sqlite3 gives the name as `code`, node:sqlite the number as `errcode`; extended codes have the plain one in their lowest byte. */
function isBusy(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return (
    (typeof code === 'string' && code.startsWith('SQLITE_BUSY')) ||
    (typeof errcode === 'number' && (errcode & 0xff) === SQLITE_BUSY)
  );
}
