/** The same alerts and the same scraping, as the Prometheus Operator reads them. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type IPodMonitor,
  type IPrometheusRule,
  PodMonitor,
  PrometheusRule,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { prometheusRule, withRunbookAt } from '../../deploy/prometheus-operator/rules.ts';
import { type KubernetesObject, kustomization, objects, ROOT, read } from './files.ts';
import { promtool } from './promtool.ts';
import { unknownFields } from './strict.ts';

const FOLDER = 'deploy/prometheus-operator';
const ALERTS = read('deploy/prometheus/alerts.yml');
const overlay = parse(read(`${FOLDER}/kustomization.yaml`));
const [monitor, rule] = overlay.resources.map((file: string) => parse(read(`${FOLDER}/${file}`))) as [
  IPodMonitor & KubernetesObject,
  IPrometheusRule & KubernetesObject,
];

describe('the objects', () => {
  it('are all of the folder, in the namespace of what they watch', () => {
    const yaml = readdirSync(join(ROOT, FOLDER)).filter((name) => name.endsWith('.yaml'));
    expect(['kustomization.yaml', ...overlay.resources].sort()).toEqual(yaml.sort());
    expect(overlay.namespace).toBe(kustomization.namespace);
  });

  it('fit their schemas, and have no field that the Operator does not know', () => {
    new PodMonitor(monitor).validate();
    new PrometheusRule(rule).validate();
    expect(unknownFields([monitor, rule], '@kubernetes-models/prometheus-operator')).toBe('');
    const misspelt = { ...monitor, spec: { ...monitor.spec, podMetricEndpoints: [] } };
    expect(unknownFields([misspelt], '@kubernetes-models/prometheus-operator')).toMatch(/podMetricEndpoints/);
  });
});

describe('the rules', () => {
  it('are those of Prometheus, as npm run alerts writes them', () => {
    expect(read(`${FOLDER}/rules.yaml`)).toBe(prometheusRule(ALERTS));
    expect(rule.spec?.groups).toEqual(parse(ALERTS).groups);
  });

  it('are read by Prometheus', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rules-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'rules.yml'), stringify(rule.spec));
    const { status, text } = promtool(['check', 'rules', join(folder, 'rules.yml')]);
    expect(status, text).toBe(0);
    expect(text).toMatch(new RegExp(`${rule.spec?.groups?.[0]?.rules?.length} rules found`));
  });

  it.each(['https://git.example/team/$1/blob/main/', 'https://git.example/team/$1/blob/main'])(
    'and their tests point to a runbook at %s, where that is asked for',
    (base) => {
      for (const file of ['alerts.yml', 'alerts.test.yml']) {
        const text = read(`deploy/prometheus/${file}`);
        const moved = withRunbookAt(text, base);
        const urls = [...moved.matchAll(/runbook_url: (\S+)/g)].map(([, url]) => url);
        expect(urls.length).toBe([...text.matchAll(/runbook_url/g)].length);
        for (const url of urls)
          expect(url).toMatch(
            /^https:\/\/git\.example\/team\/\$1\/blob\/main\/docs\/runbook\.md#saga[a-z]+$/,
          );
        // And back, so that nothing else was touched.
        const [, here = ''] = /runbook_url: (\S+)docs\/runbook\.md/.exec(text) ?? [];
        expect(withRunbookAt(moved, here)).toBe(text);
      }
    },
  );
});

it('the monitor finds the coordinators at their port, under the job for which the alerts ask', () => {
  const deployment = objects.filter(Deployment.is).find(({ metadata }) => metadata?.name === 'coordinator');
  const template = deployment?.spec?.template;
  expect(monitor.spec?.selector?.matchLabels).toEqual(template?.metadata?.labels);
  const [endpoint] = monitor.spec?.podMetricsEndpoints ?? [];
  const ports = template?.spec?.containers[0]?.ports?.map(({ name }) => name);
  expect(ports).toContain(endpoint?.port);
  expect(endpoint?.path).toBe('/metrics');
  const job = endpoint?.relabelings?.find(({ targetLabel }) => targetLabel === 'job')?.replacement;
  const asked = [...ALERTS.matchAll(/job="([^"]+)"/g)].map(([, name]) => name);
  expect(new Set(asked)).toEqual(new Set([job]));
});
