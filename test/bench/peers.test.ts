import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cpuUs, cpuWithChildrenUs } from '../../bench/cpu.ts';
import { peersLine } from '../../bench/peers.ts';
import { plotOf } from '../../bench/plot.ts';
import { reportOf } from '../../bench/report.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('says in one line which peers took part, and who did not and why', () => {
  const names = ['BullMQ 1.2.3', 'Restate 4.5.6 with its SDK 7.8.9'];
  expect(peersLine(names, {})).toBe('Peers: BullMQ 1.2.3, Restate 4.5.6 with its SDK 7.8.9.');
  expect(peersLine(names, { DBOS: 'no Postgres is installed' })).toMatch(
    / DBOS did not take part: no Postgres is installed\.$/,
  );
});

const round = (ordersPerSecond: number) => ({ ordersPerSecond, p50Ms: 1, p99Ms: 2, cpuUs: null });
const names = ['floor', 'floor + SET', 'saga coordinator', 'A peer with quite a long name', 'Another peer'];
const rounds = new Map(names.map((name, index) => [name, [round(1000 / (index + 1))]]));
const results = { courses: { success: rounds, compensation: rounds }, alone: rounds };

it('puts that line into the head of the figures, and nothing where no peer was asked for', () => {
  const at = { date: '', node: '', redis: '', machine: '', fsync: '', clients: 1, orders: 1, ordersAlone: 1 };
  const [head = ''] = reportOf(results, { ...at, rounds: 1, peers: 'Peers: A 1.' }).split('\n');
  expect(head).toMatch(/ from one\. Peers: A 1\.$/);
  expect(reportOf(results, { ...at, rounds: 1, peers: null })).not.toContain('Peers');
});

it('draws peers too: each in a colour that exists, with a name that begins within the picture', () => {
  const svg = plotOf(results);
  const colours = new Set([...svg.matchAll(/<rect class="(\w+)"/g)].map(([, colour]) => colour));
  expect([...colours]).toEqual(['bar0', 'bar1', 'bar2', 'bar3']);
  for (const colour of colours) expect(svg.match(new RegExp(`\\.${colour}\\{fill`, 'g'))).toHaveLength(2);
  const right = [...svg.matchAll(/<text class="name" x="(\d+)" y="\d+">([^<]+)</g)];
  expect(right).toHaveLength(2 * names.length);
  // Half an em a character, of 13 pixels.
  for (const [, x, name = ''] of right) expect(Number(x) - name.length * 6.5).toBeGreaterThan(0);
  const ends = [...svg.matchAll(/<rect [^>]*x="(\d+)"[^>]*width="([\d.]+)"/g)];
  expect(Math.max(...ends.map(([, x, width]) => Number(x) + Number(width)))).toBeLessThan(640);
});

it('keeps peers out of what the product depends on, and their versions exact', () => {
  const peers = JSON.parse(read('bench/peers/package.json')).dependencies;
  const own = JSON.parse(read('package.json'));
  for (const [name, version] of Object.entries(peers)) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    if (name !== 'ioredis') expect({ ...own.dependencies, ...own.devDependencies }).not.toHaveProperty(name);
  }
});

it.skipIf(process.platform !== 'linux')('counts the CPU of children, also once they have ended', () => {
  const before = cpuWithChildrenUs(process.pid) ?? Number.NaN;
  const ownBefore = cpuUs(process.pid) ?? Number.NaN;
  // However slow the machine is, this one uses so much.
  spawnSync(process.execPath, [
    '-e',
    'let used; do used = process.cpuUsage(); while (used.user + used.system < 300_000);',
  ]);
  const own = (cpuUs(process.pid) ?? Number.NaN) - ownBefore;
  expect((cpuWithChildrenUs(process.pid) ?? Number.NaN) - before - own).toBeGreaterThan(200_000);
});
