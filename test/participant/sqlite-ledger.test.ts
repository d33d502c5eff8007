/** On node:sqlite, which Node has from 22.5 on. */
import { getBuiltinModule } from 'node:process';
import { describe, expect, it } from 'vitest';
import { type SqliteDatabase, sqliteLedger, sqliteLedgerTable } from '../../participant/index.ts';
import { holdsTheTable } from './ledger-suite.ts';

type Sqlite = { DatabaseSync: new (path: string) => SqliteDatabase & { close(): void } };
const sqlite = getBuiltinModule('node:sqlite') as Sqlite | undefined;
const without = sqlite === undefined ? ` (skipped: Node ${process.versions.node} has no node:sqlite)` : '';

function opened(): SqliteDatabase {
  const database = new (sqlite as Sqlite).DatabaseSync(':memory:');
  database.exec(`${sqliteLedgerTable}; CREATE TABLE effects (n INTEGER)`);
  return database;
}

describe.skipIf(sqlite === undefined)(`sqliteLedger${without}`, () => {
  holdsTheTable<SqliteDatabase>(
    async (options) => {
      const database = opened();
      return {
        ledger: sqliteLedger(database, options),
        happens: (tx) => tx.exec('INSERT INTO effects VALUES (1)'),
        effects: () =>
          Number((database.prepare('SELECT count(*) AS n FROM effects').get() as { n: number }).n),
      };
    },
    { takesBack: true },
  );

  it('makes of a database that another process holds a 503', async () => {
    const database = opened();
    const ledger = sqliteLedger({
      prepare: (sql) => database.prepare(sql),
      exec(sql) {
        if (sql === 'BEGIN IMMEDIATE') throw Object.assign(new Error('database is locked'), { errcode: 5 });
        return database.exec(sql);
      },
    });
    const settled = ledger.settle({ sagaId: 's', step: 'a' }, async () => {
      throw new Error('not to be called');
    });
    await expect(settled).rejects.toThrow('another process writes to the database');
  });
});
