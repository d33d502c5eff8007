/** Our durations beside the histogram of prom-client whose place they take: the same text, whatever is observed. */
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Durations } from '../../server/telemetry/durations.ts';
import { labelled } from '../../server/telemetry/labelled.ts';

const BUCKETS = [0.001, 0.25, 1, 5];
const described = (registry: Registry) => ({
  name: 'took_seconds',
  help: 'How long it took.',
  labelNames: ['step', 'outcome'] as const,
  buckets: BUCKETS,
  registers: [registry],
});

const label = fc.constantFrom('pay', 'pay\\', 'a "b"', 'Zahlung ü');
const seconds = fc.oneof(fc.constantFrom(0, ...BUCKETS), fc.double({ min: 0, max: 10, noNaN: true }));

it('shows what prom-client shows, to the byte', async () => {
  const observed = fc.array(fc.tuple(label, label, seconds), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(observed, fc.boolean(), async (all, isOneOfSeveral) => {
      const [own, theirs] = [new Registry(), new Registry()];
      if (isOneOfSeveral)
        for (const registry of [own, theirs]) registry.setDefaultLabels({ coordinator: 'c1' });
      const ours = new Durations(described(own));
      const histogram = new Histogram({ ...described(theirs), labelNames: ['step', 'outcome'] });
      ours.labels({ step: 'ship', outcome: 'done' });
      histogram.zero({ step: 'ship', outcome: 'done' });
      const seriesOf = labelled(ours, 'step', 'outcome');
      for (const [step, outcome, value] of all) {
        seriesOf(step, outcome).observe(value);
        histogram.labels({ step, outcome }).observe(value);
      }
      expect(await own.metrics()).toBe(await theirs.metrics());
    }),
  );
});
