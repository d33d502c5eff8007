/** What NetworkPolicies let through, as Kubernetes defines it; enough of it for ours. */
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';

export interface Peer {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Port {
  readonly number: number;
  readonly protocol: string;
  /** As the pod that listens calls it; `null` where it has no name for it. */
  readonly name: string | null;
}

type Spec = NonNullable<INetworkPolicy['spec']>;
type Selector = NonNullable<Spec['podSelector']>;
type Rule = NonNullable<Spec['ingress']>[number] & NonNullable<Spec['egress']>[number];
type Peers = NonNullable<Rule['from']>;

/** Both ends must let it through; an end that no policy selects lets everything through. */
export function reaches(
  policies: readonly INetworkPolicy[],
  namespace: string,
  from: Peer,
  to: Peer,
  port: Port,
): boolean {
  const lets = (end: Peer, other: Peer, direction: 'Ingress' | 'Egress') => {
    const about = policies.filter(
      ({ spec }) =>
        end.namespace === namespace &&
        spec?.policyTypes?.includes(direction) &&
        selects(spec.podSelector ?? {}, end.labels),
    );
    if (about.length === 0) return true;
    return about
      .flatMap(({ spec }) => (direction === 'Ingress' ? (spec?.ingress ?? []) : (spec?.egress ?? [])))
      .some((rule: Rule) => {
        const peers = direction === 'Ingress' ? rule.from : rule.to;
        return isAmong(peers, other, namespace) && isOpen(rule.ports, port);
      });
  };
  return lets(from, to, 'Egress') && lets(to, from, 'Ingress');
}

function isAmong(peers: Peers | undefined, { namespace, labels }: Peer, own: string): boolean {
  if (peers === undefined) return true;
  return peers.some(({ podSelector, namespaceSelector, ipBlock }) => {
    if (ipBlock !== undefined) return false;
    const inNamespace =
      namespaceSelector === undefined
        ? namespace === own
        : selects(namespaceSelector, { 'kubernetes.io/metadata.name': namespace });
    return inNamespace && selects(podSelector ?? {}, labels);
  });
}

function isOpen(ports: Rule['ports'], { number, protocol, name }: Port): boolean {
  if (ports === undefined) return true;
  return ports.some(({ port, endPort, protocol: over = 'TCP' }) => {
    if (over !== protocol) return false;
    if (typeof port === 'string') return port === name;
    return port === undefined || (number >= port && number <= (endPort ?? port));
  });
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Peer['labels']): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`${operator} is not among what this knows`);
      return values.includes(labels[key] ?? '');
    })
  );
}
