import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Namespace, Service } from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import {
  COORDINATOR_SETTINGS,
  DRAIN_SECONDS,
  PARTICIPANT_SETTINGS,
  PROCESSES,
  REDIS_FLAGS,
} from './contract.ts';
import { flags, kubernetesFiles, kustomization, objects, read } from './files.ts';
import { unknownFields } from './strict.ts';

const MODELS = [Deployment, NetworkPolicy, Namespace, PodDisruptionBudget, Service, StatefulSet];

const named = objects.map((object) => ({ id: `${object.kind} ${object.metadata?.name}`, object }));
const deployments = objects.filter(Deployment.is);
const services = objects.filter(Service.is);
const statefulSets = objects.filter(StatefulSet.is);
const pods = [...deployments, ...statefulSets].map(({ metadata, spec }) => ({
  name: metadata?.name ?? '',
  labels: spec?.template.metadata?.labels ?? {},
  annotations: spec?.template.metadata?.annotations ?? {},
  selector: spec?.selector.matchLabels,
  spec: spec?.template.spec,
  container: spec?.template.spec?.containers[0],
}));
const podOf = (name: string) => pods.find((pod) => pod.name === name);

test.each(named)('$id fits its schema', ({ object }) => {
  const Model = MODELS.find(
    ({ apiVersion, kind }) => apiVersion === object.apiVersion && kind === object.kind,
  );
  expect(Model).toBeDefined();
  if (Model) new Model(object).validate();
});

test('no object has a field that Kubernetes does not know', () => {
  expect(unknownFields(objects, 'kubernetes-models')).toBe('');
});

describe('kustomization', () => {
  test('lists every file of its folder and nothing else', () => {
    expect(['kustomization.yaml', ...kustomization.resources].sort()).toEqual(kubernetesFiles);
  });

  test('says once which build runs, and that is this version', () => {
    const { version } = JSON.parse(read('package.json'));
    expect(kustomization.images).toEqual([{ name: 'saga-coordinator', newTag: version }]);
  });

  test('puts all into a namespace that refuses what is less than restricted', () => {
    const namespace = objects.find(Namespace.is);
    expect(namespace?.metadata).toMatchObject({
      name: kustomization.namespace,
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    });
  });

  test('no object stands there twice', () => {
    const ids = named.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
  });
});

test('Redis and every process of the image has its pods, and nothing else has', () => {
  expect(pods.map(({ name }) => name).sort()).toEqual(['redis', ...PROCESSES.map(({ host }) => host)].sort());
});

describe.each(PROCESSES)('$host', ({ host, port, command, probes }) => {
  const pod = podOf(host);
  const container = pod?.container;

  test('runs its part of the image', () => {
    expect(container?.image).toBe('saga-coordinator');
    expect([...(container?.command ?? []), ...(container?.args ?? [])]).toEqual(command);
  });

  test('is reached by its own name at its own port', () => {
    const service = services.find(({ metadata }) => metadata?.name === host);
    expect(container?.ports).toEqual([{ name: 'http', containerPort: port }]);
    expect(service?.spec?.ports).toEqual([{ name: 'http', port, targetPort: 'http' }]);
    expect(service?.spec?.selector).toEqual({ 'app.kubernetes.io/name': host });
  });

  test('is probed at every path that it has for that, and at no other', () => {
    const asked = [container?.startupProbe, container?.livenessProbe, container?.readinessProbe].flatMap(
      (probe) => (probe ? [probe.httpGet] : []),
    );
    expect([...new Set(asked.map((get) => get?.path))].sort()).toEqual(probes);
    expect(asked.map((get) => get?.port)).toEqual(asked.map(() => 'http'));
    expect(container?.livenessProbe).toBeDefined();
    expect(container?.readinessProbe).toBeDefined();
  });

  test('sets only settings that exist, and by a literal what is open alone', () => {
    const settings = host === 'coordinator' ? COORDINATOR_SETTINGS : PARTICIPANT_SETTINGS;
    const env = container?.env ?? [];
    expect(settings).toEqual(expect.arrayContaining(env.map(({ name }) => name)));
    const literal = env.filter(({ value }) => value !== undefined).map(({ name }) => name);
    expect(literal).toEqual(host === 'coordinator' ? ['OPEN_ROUTES'] : []);
    expect(container?.envFrom).toBeUndefined();
  });

  test('is scraped by Prometheus', () => {
    expect(pod?.annotations).toMatchObject({ 'prometheus.io/scrape': 'true' });
    // Where no port is named Prometheus takes the container's, and where no path is, /metrics.
    expect(pod?.annotations['prometheus.io/port'] ?? String(port)).toBe(String(port));
    expect(pod?.annotations['prometheus.io/path'] ?? '/metrics').toBe('/metrics');
  });
});

describe.each(pods)('pods of $name', ({ name, labels, selector, spec, container }) => {
  test('are the ones that their owner and exactly one Service select', () => {
    expect(labels).toEqual({ 'app.kubernetes.io/name': name });
    expect(selector).toEqual(labels);
    const selecting = services.filter(
      (service) => service.spec?.selector?.['app.kubernetes.io/name'] === name,
    );
    expect(selecting.map(({ metadata }) => metadata?.name)).toEqual([name]);
  });

  test('are restricted', () => {
    expect(spec?.containers).toHaveLength(1);
    expect(spec?.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(spec?.securityContext?.runAsUser).not.toBe(0);
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    });
  });

  test('get neither the links of other Services nor a token of the cluster', () => {
    expect(spec).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
  });

  test('say what they need and are bounded', () => {
    expect(container?.resources).toEqual({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    });
  });
});

describe('coordinator', () => {
  const pod = podOf('coordinator');
  const deployment = deployments.find(({ metadata }) => metadata?.name === 'coordinator');

  test('is never fewer than its replicas while it is updated', () => {
    expect(deployment?.spec?.replicas).toBe(2);
    expect(deployment?.spec?.strategy).toMatchObject({
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0 },
    });
  });

  test('keeps one when a node is emptied', () => {
    const budget = objects.find(PodDisruptionBudget.is);
    expect(budget?.spec).toEqual({ minAvailable: 1, selector: { matchLabels: pod?.labels } });
  });

  test('takes its name from its pod, and its Redis and token from Secrets that are not in the base', () => {
    expect(pod?.container?.env).toEqual([
      { name: 'COORDINATOR_ID', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'REDIS_URL', valueFrom: { secretKeyRef: { name: 'coordinator-redis', key: 'url' } } },
      {
        name: 'API_TOKEN',
        // Without one the pods start all the same: reads and commands are off.
        valueFrom: { secretKeyRef: { name: 'coordinator-api', key: 'token', optional: true } },
      },
      { name: 'OPEN_ROUTES', value: 'starts,metrics' },
    ]);
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  test.each([
    'coordinator-redis --from-literal=url="$REDIS_URL"',
    'coordinator-api --from-literal=token="$API_TOKEN"',
  ])('the command that makes a Secret names the same Secret, key and namespace: %s', (made) => {
    expect(read('deploy/kubernetes/coordinator.yaml')).toContain(
      `kubectl -n ${kustomization.namespace} create secret generic ${made}\n`,
    );
  });

  test('is given longer to stop than the Service needs to forget it and it needs to drain', () => {
    const sleepSeconds = pod?.container?.lifecycle?.preStop?.sleep?.seconds ?? Number.NaN;
    expect(pod?.spec?.terminationGracePeriodSeconds).toBeGreaterThan(sleepSeconds + DRAIN_SECONDS);
  });

  test('is scraped at its port and path by name', () => {
    expect(pod?.annotations).toMatchObject({
      'prometheus.io/port': '9000',
      'prometheus.io/path': '/metrics',
    });
  });
});

test('a stub participant is one and never two, because its ledger is in its memory', () => {
  const stubs = deployments.filter(({ metadata }) => metadata?.name !== 'coordinator');
  for (const { spec } of stubs) expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
});

describe('redis', () => {
  const container = podOf('redis')?.container;

  test('keeps what it acknowledged, on a volume of its own', () => {
    expect(container?.image).toBe('redis:7-alpine');
    expect(flags(container?.args ?? [])).toEqual(REDIS_FLAGS);
    const claims = statefulSets.flatMap(({ spec }) => spec?.volumeClaimTemplates ?? []);
    expect(claims.map(({ metadata }) => metadata?.name)).toEqual(['data']);
    expect(container?.volumeMounts).toEqual([{ name: 'data', mountPath: '/data' }]);
  });

  test('is ready only where a ping is answered without an error', () => {
    expect(container?.readinessProbe?.exec?.command).toEqual(['redis-cli', '-e', 'ping']);
  });

  test('is reached by coordinators alone', () => {
    const policy = objects.filter(NetworkPolicy.is).find(({ metadata }) => metadata?.name === 'redis');
    expect(policy?.spec).toEqual({
      podSelector: { matchLabels: podOf('redis')?.labels },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: podOf('coordinator')?.labels } }],
          ports: [{ port: 'redis' }],
        },
      ],
    });
  });

  test('is reached at its port by its name', () => {
    expect(container?.ports).toEqual([{ name: 'redis', containerPort: 6379 }]);
    expect(services.find(({ metadata }) => metadata?.name === 'redis')?.spec?.ports).toEqual([
      { name: 'redis', port: 6379, targetPort: 'redis' },
    ]);
  });
});
