/**
 * `npm run bench:shapes -- --rounds 5 --sagas 1000`: what six calls cost a saga that makes them beside each other, or for each of a
 * list, beside one that makes them in a row. Exit code 1 where any takes more than 1.3 times the CPU, or a call is missing.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { cpuUs } from './cpu.ts';
import { endAll, redisOf, startCoordinator } from './processes.ts';
import { median, ratioOf, table } from './report.ts';
import { printed, progress, runBounded, surroundings, whole } from './script.ts';

const RATIO_MAX = 1.3;
const CLIENTS = 64;
const CALLS = 6;
const SAGAS_WARM = 1500;
const RUN_MAX_MS = 30 * 60_000;
/** The first is what the others are held against. */
const SHAPES = ['row', 'two-beside', 'three-of-two', 'for-each'] as const;
type Shape = (typeof SHAPES)[number];

const { values } = parseArgs({ options: { rounds: { type: 'string' }, sagas: { type: 'string' } } });
const rounds = whole('rounds', values.rounds, 5, 1, 100);
const sagas = whole('sagas', values.sagas, 1000, 1, 30_000);

/** Microseconds per saga. */
interface Cost {
  readonly coordinator: number;
  readonly redis: number;
}

async function run(): Promise<void> {
  progress('starting');
  let calls = 0;
  const answer = JSON.stringify({ ref: 'r' });
  const participant = createServer((request, response) => {
    calls += 1;
    request.resume().on('end', () => {
      const headers = { 'content-type': 'application/json', 'content-length': answer.length };
      response.writeHead(200, headers).end(answer);
    });
  });
  participant.keepAliveTimeout = RUN_MAX_MS;
  await new Promise<void>((resolve) => participant.listen(0, '127.0.0.1', resolve));
  const stubUrl = `http://127.0.0.1:${(participant.address() as AddressInfo).port}`;
  const redis = await redisOf('everysec');
  const modules = fileURLToPath(new URL('shapes-sagas.mjs', import.meta.url));
  const settings = { SAGAS: modules, SOMEBODY_SERVICE_URL: stubUrl };
  const { url, pid } = await startCoordinator({ stubUrl, redis, settings });
  const pool = new Pool(url, { connections: CLIENTS });

  async function drive(machine: Shape, count: number): Promise<void> {
    const before = calls;
    let left = count;
    const body = JSON.stringify({ machine, input: { what: 'this' } });
    const headers = { 'content-type': 'application/json' };
    const client = async () => {
      for (; left > 0; ) {
        left -= 1;
        const { statusCode, body: said } = await pool.request({
          method: 'POST',
          path: '/api/coordinator/sagas',
          headers,
          body,
        });
        const text = await said.text();
        if (statusCode !== 201) throw new Error(`${machine}: ${statusCode} ${text}`);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    if (calls - before !== CALLS * count)
      throw new Error(`${machine}: ${calls - before} calls of ${count} sagas`);
  }

  const costs = new Map<Shape, Cost[]>(SHAPES.map((shape) => [shape, []]));
  for (const shape of SHAPES) {
    progress(`warming up: ${shape}`);
    await drive(shape, SAGAS_WARM);
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const shape of SHAPES) {
      progress(`round ${round} of ${rounds}: ${shape}`);
      const before = { coordinator: known(pid), redis: known(redis.pid) };
      await drive(shape, sagas);
      costs.get(shape)?.push({
        coordinator: (known(pid) - before.coordinator) / sagas,
        redis: (known(redis.pid) - before.redis) / sagas,
      });
    }
  }
  await pool.destroy();
  await endAll();
  participant.close();

  const of = (shape: Shape, what: keyof Cost) => (costs.get(shape) ?? []).map((cost) => cost[what]);
  const [row] = SHAPES;
  const { date, node, redis: redisVersion, machine } = surroundings();
  /** Round by round, since a slow minute of the machine falls on all of a round. */
  const ratios = (shape: Shape, what: keyof Cost) =>
    of(shape, what).map((us, round) => us / (of(row, what)[round] ?? Number.NaN));
  printed(
    `${date}, Node ${node}, Redis ${redisVersion}, ${machine}. ${rounds} rounds of ${sagas} sagas of each.\n\n${table(
      ['six calls', 'coordinator, µs', 'to a row', 'Redis, µs', 'to a row'],
      SHAPES.map((shape) => [
        shape,
        median(of(shape, 'coordinator')).toFixed(0),
        ratioOf(ratios(shape, 'coordinator')),
        median(of(shape, 'redis')).toFixed(0),
        ratioOf(ratios(shape, 'redis')),
      ]),
    )}`,
  );
  const dear = SHAPES.filter((shape) => median(ratios(shape, 'coordinator')) > RATIO_MAX);
  if (dear.length > 0) {
    process.stderr.write(`more than ${RATIO_MAX} times a row: ${dear.join(', ')}\n`);
    process.exitCode = 1;
  }
}

function known(pid: number): number {
  const us = cpuUs(pid);
  if (us === null) throw new Error('this system does not tell the CPU of a process');
  return us;
}

runBounded(run, RUN_MAX_MS);
