/** Which tests are asked about which code: those that run in one process, the quick ones first. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Room {
  readonly name: string;
  readonly files: readonly string[];
  readonly tests: readonly string[];
  /** Those that are loaded for each fault anew: quick ones that notice much. */
  readonly anew?: readonly string[];
}

const root = resolve(import.meta.dirname, '../..');
const inFolder = (folder: string, ending: string) =>
  readdirSync(resolve(root, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`);
const code = (folder: string) => inFolder(folder, '.ts');
const tests = (folder: string) => inFolder(folder, '.test.ts');
const named = (folder: string, ...names: string[]) => names.map((name) => `${folder}/${name}.test.ts`);

/** The same ones, these before the others. */
const firstOf = (all: readonly string[], first: readonly string[]) => [...new Set([...first, ...all])];

export const ROOMS: readonly Room[] = [
  {
    name: 'machines',
    files: code('machines'),
    tests: [
      ...firstOf(tests('test/machines'), [
        ...named('test/machines', 'written', 'values', 'unfit', 'beside', 'each', 'answer', 'standing'),
        ...named('test/machines', 'walk', 'exact-answers', 'check', 'short-form', 'order', 'definition'),
      ]),
      ...named('test/engine', 'table-differs'),
      // What shows machines to people is tested where it is shown.
      ...named('test/server', 'diagrams', 'machines-shown'),
      ...named('test/docs', 'machines'),
      ...named('test/testing', 'run', 'explore'),
    ],
    anew: named('test/machines', 'written', 'values', 'order'),
  },
  {
    name: 'engine',
    files: code('server/engine'),
    tests: [
      ...firstOf(
        tests('test/engine'),
        named(
          'test/engine',
          'small-parts',
          'outcome',
          'trace',
          'write',
          'decide',
          'heard',
          'foreseen',
          'gate',
          'headroom',
          'exchange',
          'events',
          'audit',
          'create',
          'operate',
          'unasked-continue',
          'tunnel',
          'connections',
          'changes',
          'taking-up',
          'sealed',
          'outside-events',
          'set-aside',
          'told-beside',
          'recount',
          'forgotten',
        ),
      ),
      // Whole sagas behind the doors, in one process.
      ...named('test/server', 'call-backs', 'any-saga-doors', 'breaker-shown', 'in-process'),
      ...named('test/dashboard', 'calls', 'starting'),
      ...named('test/tls', 'participants'),
    ],
    anew: named('test/engine', 'small-parts', 'outcome', 'trace', 'sealed', 'taking-up'),
  },
  {
    name: 'access',
    files: ['server/access.ts', ...code('server/identity')],
    tests: named('test/server', 'guard', 'provider-keys', 'bearer', 'login', 'roles', 'access'),
    anew: named('test/server', 'guard', 'provider-keys', 'bearer', 'roles'),
  },
  {
    name: 'stores',
    files: [
      'audit',
      'declarations',
      'due',
      'events',
      'faults',
      'in-hand',
      'keys',
      'keyspace',
      'listing',
      'packing',
      'reads',
      'record',
      'scripts',
      'simple-writes',
      'tags',
      'vocabulary',
    ].map((name) => `stores/redis/${name}.ts`),
    // Against a real server, which costs this process less than the mock: that makes a Lua of its own for each script.
    tests: [
      ...named(
        'test/stores',
        'written',
        'small-parts',
        'faults',
        'vocabulary',
        'record',
        'parts',
        'masters',
        'durability',
        'layout',
        'gathering',
        'declarations',
        'reads',
        'listing',
      ),
      ...named('test/stores', 'audit-verify', 'redis-only', 'redis', 'redis-damage', 'batches'),
      ...named('test/redis', 'audit', 'compaction', 'permissions', 'secrets', 'search'),
    ],
    anew: named('test/stores', 'written', 'faults', 'parts', 'small-parts', 'vocabulary', 'layout'),
  },
];
