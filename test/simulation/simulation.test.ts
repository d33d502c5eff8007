/** A thousand seeds; `SEED=n` replays one of them and nothing else. */
import { expect, it } from 'vitest';
import { simulate, told } from './simulation.ts';

const { SEED } = process.env;
const seeds = SEED === undefined ? Array.from({ length: 1_000 }, (_, n) => n + 1) : [Number(SEED)];

/** What must have befallen somebody in some run, as the traces tell it. */
const misfortunes = {
  crashes: /crashes$/,
  pauses: /is paused$/,
  drains: /has drained$/,
  'messages lost': /lost on the way/,
  'connections refused': /not sent$/,
  'messages that left a sleeper when it woke': /held since/,
  'stale commits refused': /^\d+ commit .* = stale$/,
  'creates known already': /^\d+ create .* = exists$/,
  'sagas claimed': /^\d+ claim .* = [1-9]/,
  'leases renewed': /^\d+ renew .* = \d+: .*[1-9]/,
  'leases lost before they were renewed': /^\d+ renew .* = \d+: .*null/,
  releases: /^\d+ release/,
  'actions refused': / action .* = 409$/,
  'calls deferred': / defers /,
  'answers in place of the truth': / = 50[03]$/,
} as const;

it('keeps every promise in every weather', { timeout: 600_000 }, async () => {
  const ended: Record<string, number> = {};
  const unseen = new Set(Object.keys(misfortunes) as (keyof typeof misfortunes)[]);
  for (const seed of seeds) {
    const run = await simulate(seed);
    if (run.broken.length > 0) expect.fail(told(run));
    for (const each of unseen)
      if (run.trace.some((line) => misfortunes[each].test(line))) unseen.delete(each);
    for (const [status, n] of Object.entries(run.statuses)) ended[status] = (ended[status] ?? 0) + n;
  }
  // A simulation in which nothing ever fails would prove nothing.
  if (SEED === undefined) {
    expect([...unseen]).toEqual([]);
    for (const status of ['COMPLETED', 'FAILED', 'ABORTED']) expect(ended[status]).toBeGreaterThan(100);
  }
});

it('replays a seed to the letter', async () => {
  for (const seed of [1, 2, 3]) {
    const [once, again] = [await simulate(seed), await simulate(seed)];
    expect(again.trace).toEqual(once.trace);
    expect(again.hash).toBe(once.hash);
  }
  expect((await simulate(1)).hash).not.toBe((await simulate(2)).hash);
});
