/** Against a real PostgreSQL, where its programs are. */
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createParticipant, done, postgresLedger, postgresLedgerTable } from '../../participant/index.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from '../postgres-server.ts';
import { call, holdsTheTable } from './ledger-suite.ts';

const without = postgresPrograms === null ? ' (skipped: no PostgreSQL on this machine)' : '';

describe.skipIf(postgresPrograms === null)(`postgresLedger${without}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(postgresPrograms as string);
    await server.pool.query(`${postgresLedgerTable}; CREATE TABLE effects (n integer)`);
  });
  beforeEach(() => server.pool.query('TRUNCATE saga_ledger, effects'));
  afterAll(() => server?.stop());

  /** As docs/participants.md has it. */
  const inTransaction =
    (begin = 'BEGIN') =>
    async <T>(work: (tx: PoolClient) => Promise<T>): Promise<T> => {
      const client = await server.pool.connect();
      try {
        await client.query(begin);
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
  const effects = async () =>
    Number((await server.pool.query('SELECT count(*) AS n FROM effects')).rows[0].n);
  const happens = (tx: PoolClient) => tx.query('INSERT INTO effects VALUES (1)');

  holdsTheTable<PoolClient>(
    async (options) => {
      await server.pool.query('TRUNCATE saga_ledger, effects');
      return { ledger: postgresLedger(inTransaction(), options), happens, effects };
    },
    { takesBack: true },
  );

  it('answers 503 at a higher isolation level to who has waited, and lets the repeat see what came of it', async () => {
    const ledger = postgresLedger<PoolClient>(inTransaction('BEGIN ISOLATION LEVEL SERIALIZABLE'));
    let begin = () => {};
    let open = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const participant = createParticipant(ledger, {
      async perform({ tx }) {
        await happens(tx);
        begin();
        await gate;
        return done({ payment_id: 'p1' });
      },
      undo: () => done(),
    });
    const first = participant.action(call('s1', 'action'));
    await begun;
    const second = participant.action(call('s1', 'action'));
    await waiting(1);
    open();
    expect([(await first).status, (await second).status]).toEqual([200, 503]);
    expect((await participant.action(call('s1', 'action'))).headers.get('idempotent-replayed')).toBe('true');
    expect(await effects()).toBe(1);
  });

  it('keeps nothing of a process that died with its transaction open', async () => {
    const { pool } = server;
    const ledger = postgresLedger<PoolClient>(inTransaction());
    let begun = (_: number) => {};
    const pid = new Promise<number>((resolve) => {
      begun = resolve;
    });
    const dying = createParticipant(ledger, {
      async perform({ tx }) {
        await happens(tx);
        begun((await tx.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);
        await tx.query('SELECT pg_sleep(600)');
        return done();
      },
      undo: () => done(),
    });
    const first = dying.action(call('s1', 'action'));
    const failed = expect(first).rejects.toThrow();
    const living = createParticipant(ledger, {
      async perform({ tx }) {
        await happens(tx);
        return done({ payment_id: 'p2' });
      },
      undo: () => done(),
    });
    const of = await pid;
    const second = living.action(call('s1', 'action'));
    await waiting(1);
    await pool.query('SELECT pg_terminate_backend($1)', [of]);
    await failed;
    expect((await second).status).toBe(200);
    expect(await effects()).toBe(1);
  });

  /** Until so many calls wait for a lock. */
  async function waiting(count: number): Promise<void> {
    const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while (Number((await server.pool.query(sql)).rows[0].n) < count);
  }
});
