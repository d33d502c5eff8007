/** What is taken out where others come in, look on, or wait: sessions, secrets, events, deadlines, boots. */
import type { Mutation } from './mutation-table.ts';

const session = 'server/dashboard/session.ts';
const registered = 'machines/registered.ts';
const DOORS = ['test/dashboard/pages.test.ts'];

export const ofDoors: readonly Mutation[] = [
  {
    name: 'a beginning of the token opens a session',
    file: session,
    find: 'if (isSame(token, held.token)) found',
    replace: 'if (held.token.startsWith(token)) found',
    tests: DOORS,
  },
  {
    name: 'the cookie is made without the token',
    file: session,
    find: "createHmac('sha256', token)",
    replace: "createHmac('sha256', 'a constant')",
    tests: DOORS,
  },
  {
    name: 'the cookie is not looked at',
    file: session,
    find: 'if (isSame(given, value)) found = caller;',
    replace: 'found = caller;',
    tests: DOORS,
  },
  {
    name: 'boots are compared as texts, in memory',
    file: 'stores/memory-store.ts',
    find: 'owner.boot < by.boot',
    replace: 'String(owner.boot) < String(by.boot)',
    tests: ['test/stores/memory.test.ts'],
  },
  {
    name: 'boots are compared as texts, in Redis',
    file: 'stores/redis/lua/claim.lua',
    find: 'tonumber(ownerBoot) < boot',
    replace: 'ownerBoot < ARGV[4]',
    tests: ['test/stores/redis.test.ts'],
  },
  {
    name: 'a deadline wakes nobody who waits',
    file: 'server/engine/write.ts',
    find: 'if (bounded) until',
    replace: 'if (!bounded) until',
    tests: ['test/engine/clocks.test.ts', 'test/engine/retry.test.ts', 'test/engine/write.test.ts'],
  },
  {
    name: 'a deadline runs from the last write on',
    file: 'server/engine/runner.ts',
    find: 'at >= createdAtMs + machine.deadlineMs',
    replace: 'at >= listing.updatedAtMs + machine.deadlineMs',
    tests: ['test/engine/clocks.test.ts', 'test/engine/retry.test.ts', 'test/engine/write.test.ts'],
  },
  {
    name: 'what was given up while it connected is sent',
    file: 'server/engine/exchange.ts',
    find: 'if (cutoff.reason !== null) controller.abort(cutoff.reason);',
    replace: 'if (false) controller.abort(cutoff.reason);',
    tests: ['test/engine/exchange.test.ts'],
  },
  {
    name: 'what is held shows secrets',
    file: registered,
    find: 'return this.hide(list, context);',
    replace: 'return list;',
    tests: ['test/machines/order.test.ts'],
  },
  {
    name: 'the inspector is told secrets in events',
    file: 'server/telemetry/inspector.ts',
    find: 'machine.hide(event, context)',
    replace: 'event',
    tests: ['test/server/inspector.test.ts'],
  },
  {
    name: 'whoever watches one saga is told of all',
    file: 'server/engine/changes.ts',
    find: '.filter(({ id }) => this.#sagaId === null || id === this.#sagaId)',
    replace: '',
    tests: ['test/engine/changes.test.ts', 'test/server/events.test.ts'],
  },
];
