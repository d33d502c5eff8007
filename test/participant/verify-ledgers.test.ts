/** `saga verify` against a service on each of the ledgers, its effects kept where the ledger is. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getBuiltinModule } from 'node:process';
import { Redis } from 'ioredis';
import type { PoolClient } from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createParticipant,
  done,
  type Ledger,
  memoryLedger,
  nodeHandler,
  postgresLedger,
  postgresLedgerTable,
  redisLedger,
  refused,
  type SqliteDatabase,
  sqliteLedger,
  sqliteLedgerTable,
  verifyParticipant,
} from '../../participant/index.ts';
import { postgresPrograms, startPostgres } from '../postgres-server.ts';
import { startRedis } from '../redis-server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Money that was taken and not given back. */
interface Account<Tx> {
  readonly ledger: Ledger<Tx>;
  readonly move: (tx: Tx, amount: number) => unknown;
  readonly balance: () => unknown;
}

async function verified<Tx>({ ledger, move, balance }: Account<Tx>) {
  let payments = 0;
  const participant = createParticipant(ledger, {
    async perform({ body, tx }) {
      const { amount } = body as { amount: number };
      // Before it is refused, so that a ledger that takes effects back has to.
      await move(tx, amount);
      payments += 1;
      return amount > 0
        ? done({ payment_id: `pay_${payments}`, amount }, { status: 201 })
        : refused('of nothing');
    },
    async undo({ answer, tx }) {
      await move(tx, -(answer as { amount: number }).amount);
      return done({ refunded: true });
    },
  });
  const routes: Record<string, ReturnType<typeof nodeHandler>> = {
    '/pay': nodeHandler(participant.action),
    '/refund': nodeHandler(participant.compensation),
    '/stands': nodeHandler(participant.ask),
    '/balance': nodeHandler(async () => Response.json({ balance: Number(await balance()) })),
  };
  const server = createServer(
    (req, res) => void routes[(req.url ?? '').split('?')[0] ?? '']?.(req, res),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close().closeAllConnections());
  const { verdicts } = await verifyParticipant({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    action: '/pay',
    undo: '/refund',
    body: '{"amount": 12}',
    refused: '{"amount": 0}',
    probe: '/balance',
    ask: '/stands',
  });
  expect(verdicts.filter(({ holds }) => holds !== true)).toEqual([]);
  expect(verdicts).toHaveLength(14);
}

it('passes the one in memory', async () => {
  let balance = 0;
  const move = (_: undefined, amount: number) => {
    balance += amount;
  };
  await verified({ ledger: memoryLedger(), move, balance: () => balance });
});

it('passes the one in Redis', async () => {
  const server = await startRedis();
  const redis = new Redis(server.url);
  closing.push(
    () => server.stop(),
    () => redis.disconnect(),
  );
  await verified({
    ledger: redisLedger((...command) => redis.call(...command), { retentionMs: 86_400_000 }),
    move: (tx, amount) => tx.write('INCRBY', 'balance', amount),
    balance: () => redis.get('balance'),
  });
});

type Sqlite = { DatabaseSync: new (path: string) => SqliteDatabase & { close(): void } };
const sqlite = getBuiltinModule('node:sqlite') as Sqlite | undefined;
const noSqlite = sqlite === undefined ? ` (skipped: Node ${process.versions.node} has no node:sqlite)` : '';

describe.skipIf(sqlite === undefined)(`SQLite${noSqlite}`, () => {
  it('passes the one in SQLite', async () => {
    const database = new (sqlite as Sqlite).DatabaseSync(':memory:');
    closing.push(() => database.close());
    database.exec(`${sqliteLedgerTable}; CREATE TABLE moves (amount INTEGER)`);
    await verified({
      ledger: sqliteLedger(database),
      move: (tx, amount) => tx.prepare('INSERT INTO moves VALUES (?)').run(amount),
      balance: () =>
        (database.prepare('SELECT total(amount) AS balance FROM moves').get() as { balance: number }).balance,
    });
  });
});

const noPostgres = postgresPrograms === null ? ' (skipped: no PostgreSQL on this machine)' : '';

describe.skipIf(postgresPrograms === null)(`PostgreSQL${noPostgres}`, () => {
  it('passes the one in PostgreSQL', async () => {
    const { pool, stop } = await startPostgres(postgresPrograms as string);
    closing.push(stop);
    await pool.query(`${postgresLedgerTable}; CREATE TABLE moves (amount integer)`);
    const inTransaction = async <T>(work: (tx: PoolClient) => Promise<T>): Promise<T> => {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      } finally {
        client.release();
      }
    };
    await verified({
      ledger: postgresLedger<PoolClient>(inTransaction),
      move: (tx, amount) => tx.query('INSERT INTO moves VALUES ($1)', [amount]),
      balance: async () =>
        (await pool.query('SELECT coalesce(sum(amount), 0) AS balance FROM moves')).rows[0].balance,
    });
  });
});
