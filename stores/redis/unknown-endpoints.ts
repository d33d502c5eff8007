/**
 * A Cluster may name its nodes by their ports alone (`cluster-preferred-endpoint-type unknown-endpoint`): all stand behind the
 * name by which one of them was reached. So does a node of a new Cluster that has not yet learnt its own address: it names itself
 * by nothing. ioredis passes over such nodes, and closes the connection to one that it has.
 */
import type { Cluster, Redis } from 'ioredis';

/** What CLUSTER SLOTS answers: of each range its first and last slot, its master, its replicas. */
export type Slots = readonly (readonly [number, number, ...(readonly [string | null, number])[]])[];
type Answer = (error: Error | null, slots?: Slots) => void;

export function fillUnknownEndpoints(cluster: Cluster): void {
  cluster.on('+node', (node: Redis) => {
    const duplicate = node.duplicate.bind(node);
    // By a copy of its own ioredis asks for the slots.
    node.duplicate = (options) => {
      const copy = duplicate(options);
      const inside = copy as unknown as { cluster(what: string, answer: Answer): unknown };
      const ask = inside.cluster.bind(copy);
      const { host = '' } = node.options;
      inside.cluster = (what, answer) =>
        ask(what, (error, slots) => answer(error, slots && filled(slots, host)));
      return copy;
    };
  });
}

function filled(slots: Slots, host: string): Slots {
  return slots.map(([first, last, ...nodes]) => [
    first,
    last,
    ...nodes.map(([named, port, ...more]) => [named || host, port, ...more] as const),
  ]);
}

/** A MOVED or ASK that names the port alone. */
export function atKnownHost(host: string) {
  return (endpoint: string) => (endpoint.startsWith(':') ? { host, port: Number(endpoint.slice(1)) } : null);
}
