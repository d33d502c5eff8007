/** What can be broken in a Redis that holds sagas: each field of each structure, by hand as a person or a bad disk would. */
import type { Redis } from 'ioredis';
import type { PartitionKeys } from '../../stores/redis/keys.ts';
import type { Chance } from '../simulation/seeded.ts';

/** Where to break something. */
export interface Place {
  readonly redis: Redis;
  readonly keys: PartitionKeys;
  /** `order@1`, in whose due index the saga stands. */
  readonly machine: string;
  /** The saga that is broken, where it is one. */
  readonly id: string;
  /** Keys of the declarations. */
  readonly declared: { readonly structures: string; readonly versions: string; readonly live: string };
  readonly chance: Chance;
}

export interface Damage {
  readonly name: string;
  /**
   * `saga`: one saga is broken, and nothing else may notice. `whole`: what an index or a counter serves may fail or be
   * missing, in words, and nothing else.
   */
  readonly radius: 'saga' | 'whole';
  /** Nothing can be written to the partition's sagas while this is so. */
  readonly stopsWrites?: boolean;
  /** Of those that have the same, one alone is tried in a short run. */
  readonly instead?: string;
  readonly break: (place: Place) => Promise<unknown>;
}

/** Texts that are nothing, almost a number, almost JSON, or JSON of another shape. */
const GARBAGE = [
  '',
  ' ',
  'x',
  '-1',
  '1.5',
  'nan',
  'inf',
  '0x10',
  '1e400',
  '9'.repeat(30),
  '{',
  '[]',
  'null',
  '{}',
  '"a"',
  '{"id":1}',
  '%',
  'é\u0000',
  'STARTED ',
] as const;

const RECORD_FIELDS = [
  'machine',
  'status',
  'state',
  'summary',
  'snapshot',
  'seq',
  'revision',
  'write_id',
  'created',
  'updated',
  'due',
  'owner',
  'signals',
  'signalled',
  'claims',
  'parked',
  'key',
  'trace',
  'held:total_steps.held',
] as const;

const overwrites = (name: (typeof RECORD_FIELDS)[number]): Damage => ({
  name: `record: ${name} is garbage`,
  radius: 'saga',
  break: ({ redis, keys, id, chance }) => redis.hset(keys.saga(id), name, chance.pick(GARBAGE)),
});
const drops = (name: (typeof RECORD_FIELDS)[number]): Damage => ({
  name: `record: ${name} is missing`,
  radius: 'saga',
  break: ({ redis, keys, id }) => redis.hdel(keys.saga(id), name),
});

type KeyOf = (place: Place) => string;

/** A key of another type in the place of a whole structure. */
async function retyped(place: Place, key: string, isList: boolean): Promise<void> {
  await place.redis.del(key);
  if (isList) await place.redis.set(key, 'x');
  else await place.redis.rpush(key, 'x');
}

const ofOtherType = (name: string, keyOf: KeyOf, more: Partial<Damage> = {}): Damage => ({
  name: `${name} is a key of another type`,
  radius: 'whole',
  break: (place) => retyped(place, keyOf(place), place.chance.hits(0.5)),
  ...more,
});

const INDEXES: readonly (readonly [string, KeyOf])[] = [
  ['index of all sagas', ({ keys }) => keys.sagas],
  ['index of STARTED', ({ keys }) => keys.status.STARTED],
  ['index of COMPLETED', ({ keys }) => keys.status.COMPLETED],
  ['index of FAILED', ({ keys }) => keys.status.FAILED],
  ['index of ABORTED', ({ keys }) => keys.status.ABORTED],
  ['index of ended sagas', ({ keys }) => keys.ended],
];
const DUE: readonly [string, KeyOf] = ['due index', ({ keys, machine }) => keys.due(machine)];

const STRANGERS = ['x', '!', '~', '00-x', '07-018f0000-0000-7000-8000-000000000000', '%', ''] as const;

export const DAMAGES: readonly Damage[] = [
  ...RECORD_FIELDS.flatMap((name): Damage[] => [
    { ...overwrites(name), instead: name },
    { ...drops(name), instead: name },
  ]),
  ofOtherType('record', ({ keys, id }) => keys.saga(id), { radius: 'saga' }),
  ofOtherType('log', ({ keys, id }) => keys.log(id), {
    radius: 'saga',
    break: (place) => place.redis.set(place.keys.log(place.id), 'x'),
  }),
  {
    name: 'log: an entry is garbage',
    radius: 'saga',
    break: ({ redis, keys, id, chance }) => redis.lset(keys.log(id), 0, chance.pick(GARBAGE)),
  },
  { name: 'log: missing', radius: 'saga', break: ({ redis, keys, id }) => redis.del(keys.log(id)) },
  ...[...INDEXES, DUE].flatMap(([name, keyOf]): Damage[] => [
    {
      name: `${name}: strange members`,
      instead: name,
      radius: 'saga',
      break: (place) =>
        place.redis.zadd(keyOf(place), ...STRANGERS.flatMap((each, n) => [n === 0 ? '-inf' : 0, each])),
    },
    {
      name: `${name}: a score of infinity`,
      instead: name,
      radius: 'saga',
      break: (place) => place.redis.zadd(keyOf(place), 'XX', place.chance.pick(['-inf', '+inf']), place.id),
    },
  ]),
  ...INDEXES.map(([name, keyOf]) => ofOtherType(name, keyOf)),
  ofOtherType(...DUE, { stopsWrites: true }),
  ofOtherType('hash of counters', ({ keys }) => keys.counters),
  {
    name: 'counters: garbage',
    radius: 'whole',
    break: ({ redis, keys, chance }) =>
      redis.hset(
        keys.counters,
        ...[
          'order|started',
          'order|total_steps.held',
          'order|settled.COMPLETED',
          '%|x',
          'settled:1',
          'x',
        ].flatMap((field) => [field, chance.pick(GARBAGE)]),
      ),
  },
  ofOtherType('stream of events', ({ keys }) => keys.events, { radius: 'saga' }),
  {
    name: 'events: entries without their fields',
    radius: 'saga',
    break: async ({ redis, keys }) => {
      await redis.xadd(keys.events, '*', 'id', 'x');
      await redis.xadd(keys.events, '*', 'x', 'y', 'seq', 'nan');
    },
  },
  ofOtherType('audit', ({ keys }) => keys.audit, {
    radius: 'saga',
    break: (place) => retyped(place, place.keys.audit, true),
  }),
  {
    name: 'audit: a line is garbage',
    radius: 'saga',
    break: ({ redis, keys, chance }) => redis.rpush(keys.audit, chance.pick(GARBAGE)),
  },
  ofOtherType('declared structures', ({ declared }) => declared.structures),
  ofOtherType('declared versions', ({ declared }) => declared.versions),
  ofOtherType('live declarations', ({ declared }) => declared.live),
  {
    name: 'declarations: garbage',
    radius: 'saga',
    break: async ({ redis, declared, chance }) => {
      const fields = ['order@1', 'x', '%'].flatMap((field) => [field, chance.pick(GARBAGE)]);
      await redis.hset(declared.structures, ...fields);
      for (const key of [declared.versions, declared.live]) {
        await redis.zadd(key, ...GARBAGE.flatMap((each, n) => [n % 2 === 0 ? '-inf' : '+inf', each]));
      }
    },
  },
];
