import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { plotOf } from '../../bench/plot.ts';
import { joined, median, type Rounds, reportOf, withFigures } from '../../bench/report.ts';
import { type Round, wrongOf } from '../../bench/round.ts';

const round = (ordersPerSecond: number): Round => ({
  ordersPerSecond,
  p50Ms: 1000 / ordersPerSecond,
  p99Ms: 2000 / ordersPerSecond,
  cpuUs: { self: 10, store: 20, around: 30 },
});
const rounds: Rounds = new Map([
  ['floor', [round(1000), round(500), round(800)]],
  ['floor + SET', [round(500), round(250), round(400)]],
  ['ours', [round(250), round(250), round(200)]],
]);
const results = { courses: { success: rounds, compensation: rounds }, alone: rounds };

const paths = ['orders', 'inventory/reserve', 'payments/process', 'shipping/schedule', 'notifications/send'];
const calls = Object.fromEntries(paths.map((path) => [`/api/${path}`, 7]));
const right = { course: 'success', orders: 7, statuses: { 201: 7 }, calls } as const;

it('finds nothing wrong where each participant was called once per order', () => {
  expect(wrongOf(right)).toEqual([]);
});

it.each([
  ['a call too few', { ...right, calls: { ...calls, '/api/payments/process': 6 } }],
  ['a call too many', { ...right, calls: { ...calls, '/api/payments/process': 8 } }],
  ['a call that belongs to another course', { ...right, calls: { ...calls, '/api/payments/refund': 1 } }],
  ['another status', { ...right, statuses: { 201: 6, 202: 1 } }],
  ['an order without an answer', { ...right, statuses: { 201: 6 } }],
  ['a course that was not undone', { ...right, course: 'compensation' as const, statuses: { 409: 7 } }],
])('notices %s', (_, seen) => {
  expect(wrongOf(seen)).not.toEqual([]);
});

it('takes the middle, also between two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

it('compares round by round, and says how far the rounds lie apart', () => {
  const at = {
    date: '',
    node: '',
    redis: '',
    machine: '',
    fsync: '',
    clients: 1,
    orders: 1,
    ordersAlone: 1,
    starts: 1,
    transports: '',
    peers: null,
  };
  const report = reportOf(results, { ...at, rounds: 3 });
  const [loaded = '', , lonely = ''] = report.split('\n').filter((line) => line.startsWith('| ours'));
  expect(loaded).toMatch(/ 250 .* 0\.25 \(0\.25–0\.50\) \| +0\.50 \(0\.50–1\.00\) \|$/);
  expect(lonely).toMatch(/ 4\.00 \(2\.00–4\.00\) \| +2\.00 \(1\.00–2\.00\) \|$/);
});

it('takes the rounds of several starts together, start after start', () => {
  const slower: Rounds = new Map([...rounds].map(([name, [first]]) => [name, first ? [first] : []]));
  const all = joined([results, { courses: { success: slower, compensation: rounds }, alone: slower }]);
  const ratesOf = (of: Rounds, name: string) => of.get(name)?.map((each) => each.ordersPerSecond);
  expect(ratesOf(all.courses.success, 'floor')).toEqual([1000, 500, 800, 1000]);
  expect(ratesOf(all.courses.compensation, 'ours')).toEqual([250, 250, 200, 250, 250, 200]);
  expect(ratesOf(all.alone, 'ours')).toEqual([250, 250, 200, 250]);
  expect([...all.alone.keys()]).toEqual([...rounds.keys()]);
});

it('draws each contender with its median, the longest within the picture', () => {
  const svg = plotOf(results);
  for (const rate of [800, 400, 250]) expect(svg).toContain(`>${rate}</text>`);
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths).toHaveLength(6);
  expect(Math.max(...widths)).toBeLessThan(640);
});

it('replaces the figures of the page, however often, and nothing else', () => {
  const BENCH = 'npm run bench -- --peers --write';
  const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8');
  const first = withFigures(page, BENCH, 'FIRST');
  expect(withFigures(first, BENCH, 'SECOND')).toBe(first.replace('FIRST', 'SECOND'));
  const outside = (text: string) =>
    text.replace(/<!-- figures: npm run bench -- --peers --write [\s\S]*?end of figures -->/, '');
  expect(outside(first)).toBe(outside(page));
  expect(() => withFigures('no markers', BENCH, 'FIRST')).toThrow('figures');
});
