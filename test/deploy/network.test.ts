/** Who reaches whom in the cluster: all pairs, by the policies as Kubernetes reads them. */
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { describe, expect, it } from 'vitest';
import { PROCESSES } from './contract.ts';
import { kustomization, objects } from './files.ts';
import { type Peer, type Port, reaches } from './reach.ts';

const OWN = kustomization.namespace;
const policies = objects.filter(NetworkPolicy.is);
const inside = (name: string): Peer => ({ namespace: OWN, labels: { 'app.kubernetes.io/name': name } });
const outside = (namespace: string): Peer => ({ namespace, labels: { app: namespace } });

const listening: readonly { readonly name: string; readonly port: Port }[] = [
  ...PROCESSES.map(({ host, port }) => ({
    name: host,
    port: { number: port, protocol: 'TCP', name: 'http' },
  })),
  { name: 'redis', port: { number: 6379, protocol: 'TCP', name: 'redis' } },
];
const NAMESPACES = ['ingress-nginx', 'monitoring', 'kube-system', 'default'];
const peers = new Map<string, Peer>([
  ...listening.map(({ name }) => [name, inside(name)] as const),
  ['some other pod', inside('debug')],
  ...NAMESPACES.map((name) => [name, outside(name)] as const),
]);
const callersOf = (name: string, port: Port) =>
  [...peers].flatMap(([caller, from]) =>
    caller !== name && reaches(policies, OWN, from, inside(name), port) ? [caller] : [],
  );

const stubs = PROCESSES.map(({ host }) => host).filter((host) => host !== 'coordinator');

describe('is reached', () => {
  it.each(listening)('$name, by those who have business with it', ({ name, port }) => {
    const expected: Record<string, string[]> = {
      // What is in the namespace may call it, if it may call at all.
      coordinator: ['ingress-nginx', 'monitoring'],
      redis: ['coordinator'],
    };
    expect(callersOf(name, port)).toEqual(expected[name] ?? ['coordinator', 'monitoring']);
  });

  it('a coordinator, by a pod of the namespace that may call', () => {
    const port = { number: 9000, protocol: 'TCP', name: 'http' };
    const allowed = { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'debug' } }, egress: [{}] };
    const more = { spec: { ...allowed, policyTypes: ['Egress'] } };
    const also = [...policies, more] as typeof policies;
    expect(reaches(also, OWN, inside('debug'), inside('coordinator'), port)).toBe(true);
    expect(reaches(also, OWN, inside('debug'), inside('payment-service'), port)).toBe(false);
  });

  it.each(listening)('$name, at no other port', ({ name, port }) => {
    for (const number of [22, 443, 9001, port.number + 1000]) {
      expect(callersOf(name, { number, protocol: 'TCP', name: null }), String(number)).toEqual([]);
    }
  });
});

describe('reaches nothing beyond', () => {
  const ports = [53, 80, 443, 4318, 6379, 8080].map((number) => ({ number, protocol: 'TCP', name: null }));

  it.each(['redis', 'some other pod', ...stubs])('%s', (name) => {
    const from = peers.get(name) ?? inside(name);
    const reached = NAMESPACES.filter((namespace) =>
      ports.some((port) => reaches(policies, OWN, from, outside(namespace), port)),
    );
    expect(reached).toEqual([]);
  });

  it('coordinator, but for names', () => {
    for (const namespace of NAMESPACES) {
      for (const protocol of ['TCP', 'UDP']) {
        const open = ports.filter(({ number }) =>
          reaches(policies, OWN, inside('coordinator'), outside(namespace), { number, protocol, name: null }),
        );
        expect(open.map(({ number }) => number)).toEqual(namespace === 'kube-system' ? [53] : []);
      }
    }
  });
});

it('without its policy, anybody would be let in', () => {
  const port = { number: 8002, protocol: 'TCP', name: 'http' };
  const without = policies.filter(
    ({ metadata }) => !['participants', 'default-deny'].includes(metadata?.name ?? ''),
  );
  expect(reaches(without, OWN, outside('default'), inside('payment-service'), port)).toBe(true);
});
