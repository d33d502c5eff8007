/** A master of a Cluster that is frozen, with a write on its way to it: what it answers when it wakes. */
import type { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { CommitResult } from '../../stores/saga-store.ts';
import { begin, end, write } from '../stores/sagas.ts';
import { type RedisCluster, startCluster } from './cluster.ts';
import { served, until } from './until.ts';

let cluster: RedisCluster;
let client: Cluster;
let store: RedisStore;
let master: Redis;
let replica: Redis;
beforeAll(async () => {
  cluster = await startCluster(false, 1, { withReplicas: true });
  [master, replica] = cluster.admins as [Redis, Redis];
  // Clients are told of a replica as soon as it is known to have anything.
  await master.set('written', 'first');
  await until(async () => (await master.cluster('SLOTS')).every((range) => range.length === 4));
  client = connect(cluster.url) as Cluster;
  store = await RedisStore.open({ redis: client });
});
afterAll(async () => {
  await store.close();
  await cluster.stop();
});

const signal = (name: NodeJS.Signals) => process.kill((cluster.nodes[0] as { pid: number }).pid, name);
/** The replica answers nobody who asks for masters, until it is allowed to. Resolves when somebody has asked. */
const refuse = async () => {
  await replica.call('ACL', 'SETUSER', 'default', '-cluster');
  await replica.call('ACL', 'LOG', 'RESET');
  await until(async () => ((await replica.call('ACL', 'LOG')) as unknown[]).length > 0);
};
const allow = () => replica.call('ACL', 'SETUSER', 'default', '+cluster');

/** A saga that the replica has too, and a commit of it that the master gets while it is frozen, for so long that others are asked. */
async function frozenInCommit() {
  const { id, fence } = await begin(store);
  await master.set('written', 'last');
  await master.wait(1, 0);
  const mine = write({ next: end('COMPLETED') });
  const commit = () => store.commit(id, fence, mine);
  signal('SIGSTOP');
  const answer: Promise<CommitResult | Error> = commit().catch((error: Error) => error);
  await refuse();
  return { id, commit, answer };
}

it('is believed where it was not replaced, as soon as another node says so', async () => {
  const { answer } = await frozenInCommit();
  const [node] = client.nodes('master');
  const { stream } = node as Redis;
  signal('SIGCONT');
  await master.ping();
  // The first question may be older than its answer, and the last has not been answered yet.
  const refused = refuse().then(refuse).then(refuse);
  expect(await Promise.race([answer, refused])).toBeUndefined();
  await allow();
  expect(await answer).toMatchObject({ kind: 'committed', seq: 2 });
  expect(client.nodes('master')[0]?.stream).toBe(stream);
});

it('is not believed where it was replaced meanwhile, and the write is repeated at its successor', async () => {
  const { id, commit, answer } = await frozenInCommit();
  await allow();
  await replica.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  signal('SIGCONT');
  expect(await answer).toMatchObject({ name: 'StoreUnavailableError', notSent: false });
  expect(await served(commit)).toMatchObject({ kind: 'committed', seq: 2 });
  expect(await served(() => store.log(id))).toHaveLength(2);
  expect(await replica.keys(`*${id}*`)).not.toEqual([]);
});
