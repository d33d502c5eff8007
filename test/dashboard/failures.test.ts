/** Where sagas fail, on the overview: steps of one name in two machines are two steps. */
import { expect, it } from 'vitest';
import { Overview } from '../../server/dashboard/overview.tsx';
import { Pulses } from '../../server/dashboard/pulse.ts';
import { systemClock } from '../../server/engine/clock.ts';
import type { SagaEngine } from '../../server/engine/contract.ts';
import type { Tally } from '../../stores/saga-store.ts';

async function shown(counters: Tally['counters']): Promise<string[]> {
  const tally: Tally = { inFlight: 0, counters, causes: [], damage: [] };
  const engine = { tally: async () => tally } as unknown as SagaEngine;
  const pulse = await new Pulses(engine, systemClock).now();
  const none = {
    sagas: [],
    cursor: null,
    total: 0,
    damage: [],
    looked: 0,
    backToMs: null,
    isIndexing: false,
  };
  const frame = { version: '1', durability: 'memory', now: 0, canLogOut: false, hasTheatre: false };
  const page = String(
    Overview({
      frame,
      now: 0,
      position: '',
      pulse,
      uncounted: 0,
      latest: none,
      flow: null,
      services: [],
      mayOperate: true,
    }),
  );
  const [, bars = ''] = /<h2>Where sagas fail<\/h2>(.*?)<p class="note">/s.exec(page) ?? [];
  return [...bars.matchAll(/<a href="([^"]*)">(.*?)<\/a>.*?<span class="number"[^>]*>([^<]*)</gs)].map(
    ([, href = '', name = '', n = '']) =>
      `${href.replaceAll('&amp;', '&')} ${name.replace(/<[^>]+>/g, '')}: ${n}`,
  );
}

it('are shown by machine and step, each with the way to its sagas', async () => {
  const counters = {
    order: { 'failures.payment': 1, 'failures.shipping': 5, retries: 9 },
    'the trip': { 'failures.payment': 3 },
    idle: { started: 2 },
  };
  expect(await shown(counters)).toEqual([
    '/sagas?machine=order&failed_step=shipping Shipping of order: 5',
    '/sagas?machine=the+trip&failed_step=payment Payment of the trip: 3',
    '/sagas?machine=order&failed_step=payment Payment of order: 1',
  ]);
});

it('need no name of a machine where there is one alone', async () => {
  expect(await shown({ order: { 'failures.payment': 1 }, idle: {} })).toEqual([
    '/sagas?machine=order&failed_step=payment Payment: 1',
  ]);
  expect(await shown({})).toEqual([]);
});
