/** What services do to calls, from a seed; and how often each really did. */
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import type { World } from '../coordinator/world.ts';

type Rule = Parameters<World['services']['order']['faults']['set']>[0][number];

/** Common enough that all of them come together, rare enough that most orders succeed. */
const RULES: readonly Omit<Rule, 'seed'>[] = [
  { endpoint: 'action', kind: 'latency', latency_ms: 60, probability: 0.1 },
  { endpoint: 'action', kind: 'slow-effect', latency_ms: 120, probability: 0.05 },
  { endpoint: 'action', kind: 'status', status: 503, probability: 0.05 },
  { endpoint: 'action', kind: 'status', status: 500, probability: 0.02 },
  { endpoint: 'action', kind: 'drop-connection', probability: 0.04 },
  // Longer than a call may last: the action comes to the ledger when its saga has long gone on, or back.
  { endpoint: 'action', kind: 'latency', latency_ms: 4000, probability: 0.006 },
  { endpoint: 'action', kind: 'lose-answer', probability: 0.05 },
  { endpoint: 'compensation', kind: 'latency', latency_ms: 60, probability: 0.1 },
  { endpoint: 'compensation', kind: 'status', status: 500, probability: 0.35 },
  { endpoint: 'compensation', kind: 'lose-answer', probability: 0.1 },
];

export function setServiceFaults(services: World['services'], seed: number): void {
  for (const [index, name] of SERVICE_NAMES.entries()) {
    services[name].faults.set(
      RULES.map((rule, at) => ({ ...rule, seed: (seed + index * RULES.length + at) >>> 0 })),
    );
  }
}

/** By fault, over all services. Must be asked before they are cleared. */
export function serviceFaultHits(services: World['services']): Map<string, number> {
  const hits = new Map<string, number>();
  for (const name of SERVICE_NAMES) {
    for (const rule of services[name].faults.describe()) {
      const how = rule.status ?? (rule.latency_ms === undefined ? '' : `${rule.latency_ms} ms`);
      const what = `${rule.endpoint}: ${rule.kind} ${how}`.trim();
      hits.set(what, (hits.get(what) ?? 0) + rule.hits);
    }
  }
  return hits;
}
