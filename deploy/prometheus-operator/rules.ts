/** The alerts in the form of the Prometheus Operator, and where their runbook stands. */
import { parse, stringify } from 'yaml';

const HEAD = '# Written by `npm run alerts` from deploy/prometheus/alerts.yml: change that.\n';

/** @param alerts a file of Prometheus' own rules */
export function prometheusRule(alerts: string): string {
  const { groups } = parse(alerts) as { groups: unknown };
  const object = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'saga-coordinator' },
    spec: { groups },
  };
  return HEAD + stringify(object, { lineWidth: 0 });
}

/**
 * @param text rules or their tests
 * @param base an http or https URL, below which docs/runbook.md is to be found
 */
export function withRunbookAt(text: string, base: string): string {
  const below = base.endsWith('/') ? base : `${base}/`;
  return text.replace(/(?<=runbook_url: )\S*(?=docs\/runbook\.md#)/g, () => below);
}
