/**
 * A participant of sagas: a service that performs each call at most once, however often it arrives. What it owes is in docs/participants.md.
 *
 * ```ts
 * const payment = createParticipant(postgresLedger(inTransaction), {
 *   perform: async ({ body, tx }) => done({ payment_id: await take(tx, body) }),
 *   undo: async ({ answer, tx }) => done(await refund(tx, answer)),
 * });
 * app.post('/pay', (c) => payment.action(c.req.raw));
 * app.post('/refund', (c) => payment.compensation(c.req.raw));
 * ```
 */
export { type Answer, done, later, refused } from './answer.ts';
export { type Entry, type Ledger, LedgerBusyError, type Settled, type Step } from './ledger.ts';
export { type MemoryLedger, memoryLedger } from './memory-ledger.ts';
export { nodeHandler } from './node-handler.ts';
export {
  type Asking,
  type Call,
  createParticipant,
  type Outcome,
  type Participant,
  type ParticipantOptions,
  type SettledCall,
  type Stands,
  type Undoing,
  type Work,
} from './participant.ts';
export { type PostgresClient, postgresLedger, postgresLedgerTable } from './postgres-ledger.ts';
export { type RedisEffect, type RedisLedgerOptions, type RedisSend, redisLedger } from './redis-ledger.ts';
export { type SqliteDatabase, sqliteLedger, sqliteLedgerTable } from './sqlite-ledger.ts';
export type { LedgerOptions } from './turns.ts';
export { UnansweredError, type VerifyOptions } from './verify/service.ts';
export { type Verdict, type Verified, verifyParticipant } from './verify/verify.ts';
