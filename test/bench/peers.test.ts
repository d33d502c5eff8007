import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cpuUs, cpuWithChildrenUs } from '../../bench/cpu.ts';
import { onLoopback } from '../../bench/dtm.ts';
import { chosenBy } from '../../bench/only.ts';
import { peersLine } from '../../bench/peers.ts';
import { plotOf } from '../../bench/plot.ts';
import { reportOf } from '../../bench/report.ts';
import { transportIn, transportsLine } from '../../bench/transport.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('says in one line which peers took part, and who did not and why', () => {
  const names = ['BullMQ 1.2.3', 'Restate 4.5.6 with its SDK 7.8.9'];
  expect(peersLine(names, {})).toBe('Peers: BullMQ 1.2.3, Restate 4.5.6 with its SDK 7.8.9.');
  expect(peersLine(names, { DBOS: 'no Postgres is installed' })).toMatch(
    / DBOS did not take part: no Postgres is installed\.$/,
  );
  expect(peersLine([], { DTM: 'no Go' })).toBe('Peers: none. DTM did not take part: no Go.');
});

const round = (ordersPerSecond: number) => ({ ordersPerSecond, p50Ms: 1, p99Ms: 2, cpuUs: null });
const names = ['floor', 'floor + SET', 'saga coordinator', 'A peer with quite a long name', 'Another peer'];
const rounds = new Map(names.map((name, index) => [name, [round(1000 / (index + 1))]]));
const results = { courses: { success: rounds, compensation: rounds }, alone: rounds };

it('puts that line into the head of the figures, and nothing where no peer was asked for', () => {
  const counts = { clients: 1, orders: 1, ordersAlone: 1, rounds: 1, starts: 1 };
  const at = { date: '', node: '', redis: '', machine: '', fsync: '', ...counts, transports: 'By pigeon.' };
  const headOf = (other: object) => reportOf(results, { ...at, peers: null, ...other }).split('\n')[0];
  expect(headOf({ peers: 'Peers: A 1.' })).toMatch(/ from one\. Peers: A 1\. By pigeon\.$/);
  expect(headOf({})).toMatch(/\. 1 rounds of 1 orders from 1 clients, .* from one\. By pigeon\.$/);
  expect(headOf({ starts: 3 })).toContain('. 3 starts of 1 rounds of 1 orders');
});

it('reads out of CLIENT LIST how others than itself reach a Redis', () => {
  const socket = 'id=3 addr=/tmp/redis.sock:0 laddr=/tmp/redis.sock:0 fd=8 name= age=1 flags=U db=0';
  const blockedSocket = 'id=4 addr=/tmp/redis.sock:0 laddr=/tmp/redis.sock:0 fd=8 name= age=1 flags=bU db=0';
  const tcp = 'id=5 addr=127.0.0.1:40000 laddr=127.0.0.1:6379 fd=9 name=U age=1 flags=N db=0';
  expect(transportIn(`${socket}\n${blockedSocket}\n`, 9)).toBe('unix socket');
  expect(transportIn(`${socket}\n${tcp}\n`, 3)).toBe('TCP');
  expect(transportIn(`${socket}\n${tcp}\n`, 9)).toBe('TCP and unix socket');
  expect(transportIn(`${tcp}\n`, 5)).toBe('nothing');
});

it('says of each contender how it reaches its Redis', () => {
  const line = transportsLine(
    new Map(Object.entries({ A: 'unix socket', 'B, two': 'TCP', C: 'unix socket' })),
  );
  expect(line).toBe('Redis over unix socket: A; C. Redis over TCP: B, two.');
});

it('has those take part whose names begin with a word, and the floors', () => {
  const names = ['saga coordinator', 'BullMQ, one job', 'Restate', 'Restate, 2 partitions', 'DTM'];
  const chosen = (...words: string[]) =>
    ['floor', 'floor + SET', ...names].filter(chosenBy(words, names)).slice(2);
  expect(chosen()).toEqual(names);
  expect(chosen('dtm', 'Saga')).toEqual(['saga coordinator', 'DTM']);
  expect(chosen('restate')).toEqual(['Restate', 'Restate, 2 partitions']);
  expect(['floor', 'floor + SET'].filter(chosenBy(['dtm'], names))).toHaveLength(2);
  expect(() => chosenBy(['dtm', 'camunda'], names)).toThrow('--only camunda');
});

it('has DTM listen on loopback in both places, and notices where there are not two', () => {
  const source = 'app.Run(fmt.Sprintf(":%d", http))\nnet.Listen("tcp", fmt.Sprintf(":%d", grpc))';
  expect(onLoopback(source)).toBe(source.replaceAll('":%d"', '"127.0.0.1:%d"'));
  expect(() => onLoopback(source.split('\n')[0] ?? '')).toThrow('two places');
  expect(() => onLoopback(`${source}\n${source}`)).toThrow('two places');
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
