/** Alerts and dashboard, held against what a real coordinator shows on /metrics and against Prometheus' own tool. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { type Family, parseMetrics } from '../server/prometheus.ts';
import { ROOT, read } from './files.ts';
import { promtool } from './promtool.ts';

const DIRECTORY = join(ROOT, 'deploy/prometheus');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

const rules: readonly Rule[] = parse(read('deploy/prometheus/alerts.yml')).groups.flatMap(
  ({ rules }: { rules: Rule[] }) => rules,
);
const dashboard = JSON.parse(read('deploy/grafana/saga-coordinator.json'));
const panels: readonly Panel[] = dashboard.panels;

let world: World;
let text: string;
let metrics: Map<string, Family>;

beforeAll(async () => {
  world = await openWorld();
  const { url } = await world.coordinator();
  world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
  await submit(url);
  await submit(url, { ...ORDER, payment: { method: 'card', token: 'tok_declined' } });
  text = (await send(`${url}/metrics`)).body;
  metrics = parseMetrics(text);
});
afterAll(() => world.close());

/** Names of series in an expression, and the labels that it asks them for. */
function seriesIn(expr: string): { readonly name: string; readonly labels: readonly string[] }[] {
  const found = expr.matchAll(/\b((?:saga|http|process|nodejs)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?/g);
  return [...found].map(([, name = '', matchers = '']) => ({
    name,
    labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }));
}

/** What Prometheus adds to each series itself. */
const ADDED = ['job', 'instance'];

function expectKnown(expr: string): void {
  const series = seriesIn(expr);
  expect(series, expr).not.toEqual([]);
  const all = [...metrics.values()].flatMap(({ samples }) => samples);
  for (const { name, labels } of series) {
    if (name === 'up') continue;
    const family = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));
    expect(family, `${name} in ${expr}`).toBeDefined();
    const sample = all.find((one) => one.name === name);
    // A counter that nothing has raised has a name and no sample yet.
    if (sample === undefined) continue;
    const own = labels.filter((label) => !ADDED.includes(label));
    expect(Object.keys(sample.labels), `${name} in ${expr}`).toEqual(expect.arrayContaining(own));
  }
}

describe('the metrics', () => {
  it('are named and explained as Prometheus wants it', () => {
    const { status, text: said } = promtool(['check', 'metrics'], text);
    // These come from prom-client, under the names that dashboards for Node know.
    const ours = said.split('\n').filter((line) => line !== '' && !/^(nodejs|process)_/.test(line));
    expect(ours).toEqual([]);
    // 3: something was said, which then was about others.
    expect([0, 3]).toContain(status);
  });
});

describe('the alerts', () => {
  it.each(rules)('$alert asks for metrics and labels that exist', ({ expr }) => expectKnown(expr));

  it.each(rules)('$alert has a severity, a summary, and a section of the runbook', (rule) => {
    const { alert, labels, annotations } = rule;
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    const url = new URL(annotations.runbook_url ?? '');
    expect(url.href).toBe(`https://saga-coordinator.example/docs/runbook.md#${alert.toLowerCase()}`);
    expect(read('docs/runbook.md')).toMatch(new RegExp(`^## ${alert}$`, 'm'));
  });

  it('are rules of Prometheus, in a configuration of Prometheus', () => {
    const { status, text: said } = promtool(['check', 'config', join(DIRECTORY, 'prometheus.yml')]);
    expect(said).toMatch(new RegExp(`${rules.length} rules found`));
    expect(status, said).toBe(0);
  });

  it('fire and keep quiet when they should', () => {
    const { status, text: said } = promtool(['test', 'rules', join(DIRECTORY, 'alerts.test.yml')]);
    expect(status, said).toBe(0);
    // Each is seen firing: one that was never meant to could not fail.
    const { tests } = parse(read('deploy/prometheus/alerts.test.yml'), { merge: true });
    type Expected = { readonly alertname: string; readonly exp_alerts?: unknown[] };
    const fired = tests
      .flatMap(({ alert_rule_test }: { alert_rule_test: Expected[] }) => alert_rule_test)
      .filter(({ exp_alerts = [] }: Expected) => exp_alerts.length > 0)
      .map(({ alertname }: Expected) => alertname);
    expect(new Set(fired)).toEqual(new Set(rules.map(({ alert }) => alert)));
  });
});

describe('the dashboard', () => {
  it.each(panels)('$title asks for metrics and labels that exist', ({ targets }) => {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr } of targets) expectKnown(expr);
  });

  it('shows every metric of ours', () => {
    const shown = panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => seriesIn(expr)));
    const names = new Set(shown.map(({ name }) => name.replace(/_(bucket|count)$/, '')));
    const ours = [...metrics.keys()].filter((name) => /^(saga|http)_/.test(name));
    expect(ours.filter((name) => !names.has(name))).toEqual([]);
  });

  it('has panels that do not overlap', () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});
