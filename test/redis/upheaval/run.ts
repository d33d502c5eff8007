/**
 * `npm run operations`: what operators and failures do to a store, each while a coordinator runs orders, and what came of them.
 *
 *   npm run operations -- [--only 'CLUSTER FAILOVER,Sentinel: killed'] [--server 'Valkey 9']
 *
 * `--server` is one of those of `npm run stores`; else what is on PATH is started. Prints a table for docs/reliability.md, and
 * ends with code 1 where something was lost, done twice or parked that must not be, or anything was left running.
 */
import { delimiter } from 'node:path';
import { parseArgs } from 'node:util';
import { SERVERS } from '../matrix/servers.ts';
import { CLUSTER_OPERATIONS } from './cluster-operations.ts';
import type { Toll } from './load.ts';
import { underCluster, underSentinel } from './upheaval.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, server: { type: 'string' } } });

interface Row {
  readonly name: string;
  readonly isSafe: boolean;
  readonly run: () => Promise<Toll | null>;
}

const WAITS = [
  [0, 'no WAIT'],
  [2, 'WAIT for both replicas'],
] as const;
const ROWS: readonly Row[] = [
  ...CLUSTER_OPERATIONS.map((operation) => ({
    name: operation.name,
    isSafe: operation.isSafe,
    run: () => underCluster(operation),
  })),
  ...(['planned', 'killed', 'frozen'] as const).flatMap((how) =>
    WAITS.map(([wait, words]) => ({
      name: `Sentinel: ${how}, ${words}`,
      isSafe: wait > 0,
      run: () => underSentinel(how, wait),
    })),
  ),
];

if (values.server !== undefined) {
  const server = SERVERS.find(({ name }) => name === values.server);
  if (server === undefined)
    throw new RangeError(`--server knows ${SERVERS.map(({ name }) => name).join(', ')}`);
  const folder = await server.obtain();
  if (folder !== null) process.env.PATH = [folder, process.env.PATH].join(delimiter);
}
const wanted = values.only?.split(',').map((name) => name.trim());
const isWanted = ({ name }: Row) => wanted?.some((part) => name.includes(part)) ?? true;

const say = (line: string) => process.stdout.write(`${line}\n`);
say('| operation | sagas | lost | done twice | left running | parked or undone | longest silence |');
say('|---|---|---|---|---|---|---|');
for (const row of ROWS.filter(isWanted)) {
  const toll = await row.run().catch((error: Error) => error);
  if (toll instanceof Error) {
    say(`| ${row.name} | could not be done | | | | | |`);
    process.stderr.write(`${row.name}: ${toll.message}\n`);
    process.exitCode = 1;
    continue;
  }
  if (toll === null) {
    say(`| ${row.name} | this server cannot | | | | | |`);
    continue;
  }
  const { sagas, lost, doubled, stuck, wrong, hollow, silentMs } = toll;
  const silence = `${(silentMs / 1_000).toFixed(1)} s`;
  say(`| ${row.name} | ${sagas} | ${lost} | ${doubled} | ${stuck} | ${wrong} | ${silence} |`);
  // What a failover had forgotten, and a coordinator had in hand, is parked with that.
  const isBroken = stuck + hollow > 0 || (row.isSafe && lost + doubled + wrong > 0);
  if (hollow > 0) process.stderr.write(`${row.name}: ${hollow} are completed, and not all of it was done\n`);
  if (isBroken) process.exitCode = 1;
}
