/** What is taken out of the lean scripts, of the calls by which many sagas are written, and of what sagas owe. */
import type { Mutation } from './mutation-table.ts';

const lua = 'stores/redis/lua';
const batches = 'stores/redis/batches.ts';
const BATCHES = ['test/stores/batches.test.ts'];
const STORE = ['test/stores/redis.test.ts'];
const COMPACTION = ['test/redis/compaction.test.ts'];
const CUT_OFF = ['test/redis/cut-off.test.ts'];

export const ofWrites: readonly Mutation[] = [
  {
    name: 'in a batch one that fails fails all',
    file: `${lua}/shared.lua`,
    find: 'pcall(one, now, k, first)',
    replace: 'true, one(now, k, first)',
    tests: BATCHES,
  },
  {
    name: 'in a batch what fails alike is no error of the call',
    file: `${lua}/shared.lua`,
    find: 'if failed == n - 1 then',
    replace: 'if n == 1 then',
    tests: ['test/redis/lost-replies.test.ts'],
  },
  {
    name: 'in a batch what one may not touch is refused to all',
    file: batches,
    find: 'items.length > 1 && isRefusedBefore(error)',
    replace: 'items.length > 1 && !error',
    tests: BATCHES,
  },
  {
    name: 'a batch has any number of sagas',
    file: batches,
    find: 'open.items.length < BATCH_SAGAS_MAX && ',
    replace: '',
    tests: BATCHES,
  },
  {
    name: 'a batch has any size',
    file: batches,
    find: ' && open.chars + chars <= BATCH_CHARS_MAX',
    replace: '',
    tests: BATCHES,
  },
  {
    name: 'a batch is waited for where nothing is awaited',
    file: 'stores/redis/gathering.ts',
    find: 'if (commandQueue.length === 0) return false;',
    replace: '',
    tests: BATCHES,
  },
  {
    name: 'a batch is left open when it has been sent',
    file: batches,
    find: 'if (this.#open.get(script) === batch) this.#open.delete(script);',
    replace: '',
    tests: BATCHES,
  },
  {
    name: 'a lean commit asks for no fence',
    file: `${lua}/advance.lua`,
    find: 'found[1] ~= ARGV[a + 9] or found[2] ~= ARGV[a + 10] or ',
    replace: '',
    tests: STORE,
  },
  {
    name: 'a lean commit sees no signal',
    file: `${lua}/advance.lua`,
    find: " or textOf(found[4]) ~= ''",
    replace: '',
    tests: STORE,
  },
  {
    name: 'a lean end asks for no fence',
    file: `${lua}/finish.lua`,
    find: 'found[1] ~= ARGV[a + 9] or found[2] ~= ARGV[a + 10] or ',
    replace: '',
    tests: STORE,
  },
  {
    name: 'a lean end pays nothing of what is owed',
    file: `${lua}/finish.lua`,
    find: 'string.gmatch(textOf(found[5]),',
    replace: "string.gmatch('',",
    tests: STORE,
  },
  {
    name: 'a lean end does not say what it counts',
    file: `${lua}/finish.lua`,
    find: 'set[2] = said',
    replace: "set[2] = ARGV[a + 2] .. '\\n' .. endsAt .. '\\n' .. bucket",
    tests: CUT_OFF,
  },
  {
    name: 'a lean end overlooks a write that was cut off',
    file: `${lua}/finish.lua`,
    find: "if textOf(sums[1]) ~= '' then return 0 end",
    replace: '',
    tests: CUT_OFF,
  },
  {
    name: 'a lean create says nothing of what it counts',
    file: `${lua}/begin.lua`,
    find: 'if count > 0 then said',
    replace: 'if false then said',
    tests: CUT_OFF,
  },
  {
    name: 'what others wrote is no part of a saga that comes to rest',
    file: 'stores/redis/in-hand.ts',
    find: 'const isMine = kept.writeId === expected.writeId;',
    replace: 'const isMine = true;',
    tests: COMPACTION,
  },
  {
    name: 'a saga rests in the place of another that was written since',
    file: `${lua}/compact.lua`,
    find: ' or found[3] ~= ARGV[a + 2]',
    replace: '',
    tests: COMPACTION,
  },
  {
    name: 'a saga that rests forgets what it holds',
    file: 'stores/redis/in-hand.ts',
    find: `kept.lines.push(line);
    addHeld(kept.held, counted);`,
    replace: 'kept.lines.push(line);',
    tests: COMPACTION,
  },
  {
    name: 'what is led to at rest has any body',
    file: `${lua}/shared.lua`,
    find: '#digest == 43 and string.sub(record, 17, 36) == string.sub(digest, 1, 20)',
    replace: 'true',
    tests: COMPACTION,
  },
  {
    name: 'what a saga at rest holds is not taken back',
    file: `${lua}/purge.lua`,
    find: 'if held or resting then',
    replace: 'if held then',
    tests: COMPACTION,
  },
  {
    name: 'what is owed is also counted',
    file: `${lua}/write.lua`,
    find: 'if isCalled then return {}, owed end',
    replace: 'if isCalled then return pay(owed), owed end',
    tests: [...STORE, ...CUT_OFF],
  },
];
