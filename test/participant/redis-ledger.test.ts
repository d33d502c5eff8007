/** Against a real Redis: its scripts are half of this ledger. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type Answer,
  createParticipant,
  done,
  type RedisEffect,
  type RedisLedgerOptions,
  type RedisSend,
  redisLedger,
  refused,
} from '../../participant/index.ts';
import { RENEW } from '../../participant/redis-scripts.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { BODY, call, holdsTheTable } from './ledger-suite.ts';

const DAY_MS = 86_400_000;
let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(() => redis.flushall());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const send: RedisSend = (...command) => redis.call(...command);
const ledger = (options: Partial<RedisLedgerOptions> = {}, by = send) =>
  redisLedger(by, { retentionMs: DAY_MS, ...options });

holdsTheTable<RedisEffect>(
  async (options) => {
    await redis.flushall();
    return {
      ledger: ledger(options),
      happens: (tx) => tx.write('INCR', 'effects'),
      effects: async () => Number(await redis.get('effects')),
    };
  },
  { takesBack: true },
);

/** Takes 12 of an account, at most what is there, and gives them back; each call goes on when its gate is opened. */
function paying(by = ledger(), gate: Promise<void> = Promise.resolve()) {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const participant = createParticipant(by, {
    async perform({ tx }) {
      const balance = Number(await tx.read('GET', 'account'));
      begin();
      await gate;
      if (balance < BODY.amount) return refused('no funds');
      tx.write('DECRBY', 'account', BODY.amount);
      return done({ left: balance - BODY.amount });
    },
    async undo({ tx }): Promise<Answer> {
      begin();
      await gate;
      tx.write('INCRBY', 'account', BODY.amount);
      return done();
    },
  });
  const act = async (sagaId: string) => (await participant.action(call(sagaId, 'action'))).status;
  return { act, begun, undo: (sagaId: string) => participant.compensation(call(sagaId, 'compensation')) };
}

function gated() {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { gate, open };
}

it('lets a call wait for another process, and for no longer than it may', async () => {
  await redis.set('account', 100);
  const { gate, open } = gated();
  const one = paying(ledger(), gate);
  const first = one.act('s1');
  await one.begun;
  expect(await paying(ledger({ lockMs: 1 })).act('s1')).toBe(503);
  const second = paying().act('s1');
  const undone = paying().undo('s2');
  open();
  expect([await first, await second, (await undone).status]).toEqual([200, 200, 200]);
  expect(await redis.get('account')).toBe('88');
});

it('frees the step of a process that died, and what that one did later never happened', async () => {
  await redis.set('account', 100);
  // They live on, and cannot renew: so they look from outside as if they were gone.
  const cutOff: RedisSend = (...command) =>
    command[1] === RENEW ? Promise.reject(new Error('cut off')) : send(...command);
  const { gate, open } = gated();
  const acting = paying(ledger({ leaseMs: 1 }, cutOff), gate);
  const undoing = paying(ledger({ leaseMs: 1 }, cutOff), gate);
  const acted = acting.act('s1');
  await acting.begun;
  expect(await paying().act('s1')).toBe(200);
  const undone = undoing.undo('s1');
  await undoing.begun;
  expect((await paying().undo('s1')).status).toBe(204);
  // The account is as both of them saw it: the step alone is not theirs any more.
  expect(await redis.get('account')).toBe('100');
  open();
  expect([await acted, (await undone).status]).toEqual([503, 503]);
  expect(await redis.get('account')).toBe('100');
});

it('keeps the step of a process that lives, however long it takes', async () => {
  await redis.set('account', 100);
  const { gate, open } = gated();
  let renewals = 0;
  const renewed = gated();
  const slow = paying(
    ledger({ leaseMs: 600 }, async (...command) => {
      const said = await send(...command);
      if (command[1] === RENEW && said === 1) renewals += 1;
      if (renewals === 4) renewed.open();
      return said;
    }),
    gate,
  );
  const first = slow.act('s1');
  await renewed.gate;
  expect(await paying(ledger({ lockMs: 1 })).act('s1')).toBe(503);
  open();
  expect(await first).toBe(200);
});

it('does not let two sagas take what only one can have', async () => {
  await redis.set('account', 12);
  const { gate, open } = gated();
  const one = paying(ledger(), gate);
  const other = paying(ledger(), gate);
  const both = [one.act('s1'), other.act('s2')];
  await Promise.all([one.begun, other.begun]);
  open();
  expect((await Promise.all(both)).sort()).toEqual([200, 503]);
  expect(await redis.get('account')).toBe('0');
  expect((await Promise.all([one.act('s1'), other.act('s2')])).sort()).toEqual([200, 422]);
  expect(await redis.get('account')).toBe('0');
});

it('keeps an entry for as long as it is told, and nothing of what did not happen', async () => {
  await redis.set('account', 100);
  const kept = paying(ledger({ retentionMs: DAY_MS, prefix: '{pay}[1]:' }));
  await kept.act('s1');
  const ttlMs = await redis.pttl('{pay}[1]:s1\npayment');
  expect(ttlMs).toBeGreaterThan(DAY_MS - 60_000);
  expect(ttlMs).toBeLessThanOrEqual(DAY_MS);
  const failing = createParticipant(ledger(), {
    perform: () => Promise.reject(new Error('a bug')),
    undo: () => done(),
  });
  await expect(failing.action(call('s9', 'action'))).rejects.toThrow('a bug');
  expect((await redis.keys('*')).sort()).toEqual(['account', '{pay}[1]:s1\npayment']);
});
