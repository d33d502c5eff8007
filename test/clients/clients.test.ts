/**
 * Clients that generators made of our own document, each against a running coordinator. The TypeScript one is always
 * made; `npm run clients` makes all of them, and names those for which something is missing.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { clientTypes } from './client-types.ts';
import { CLIENTS, missingOf, run } from './generated.ts';

const [first] = CLIENTS;
const asked = process.env.CLIENTS === 'all' ? CLIENTS : CLIENTS.slice(0, 1);
const TEST_MS = 15 * 60_000;

/** What each client prints. */
const SEEN = [
  'order 201 COMPLETED',
  'declined 409 FAILED payment',
  'get COMPLETED true',
  'log started done',
  'list 1 1 true',
  'problem 404 saga-not-found',
  'plan 1 compensation-incomplete inventory',
  'retried 1 accepted',
  'event saga COMPLETED',
];

let world: World;
let url: string;
let folder: string;
let document: string;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
  folder = mkdtempSync(join(tmpdir(), 'clients-'));
  document = join(folder, 'openapi.json');
  writeFileSync(document, JSON.stringify((await send(`${url}/openapi.json`)).body));
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

it('has in client/ the types of this document: npm run client-types mends stale ones', async () => {
  const kept = readFileSync(new URL('../../client/schema.ts', import.meta.url), 'utf8');
  expect(kept).toBe(await clientTypes());
});

/** One saga that waits for an operator, for want of a compensation that answers. */
async function park(): Promise<void> {
  const { faults } = world.services.inventory;
  faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
  const { body } = await submit(url, { ...ORDER, payment: { method: 'card', token: 'tok_declined' } });
  faults.clear();
  expect(body.status).toBe('ABORTED');
}

describe.each(asked.map((client) => ({ client, missing: missingOf(client) })))(
  'the generated client in $client.name',
  ({ client, missing }) => {
    // Said aloud: a runner counts what it skips, and does not name it.
    if (missing.length > 0)
      process.stdout.write(`The ${client.name} client is not made: ${missing.join(', ')} missing\n`);
    it.skipIf(missing.length > 0)(
      missing.length > 0
        ? `${client.name}: is not made, ${missing.join(', ')} missing`
        : `${client.name}: is compiled, and reads every answer`,
      async ({ skip }) => {
        const installed = await client.install().catch((error: Error) => {
          // What the others need may be out of reach where the tests are; npm was there a moment ago.
          if (client === first) throw error;
          process.stdout.write(`The ${client.name} client is not made: ${error.message}\n`);
          return null;
        });
        if (installed === null) return skip('its generator cannot be had');
        const own = mkdtempSync(join(folder, 'client-'));
        const command = await client.make({ folder: own, document }, installed);
        await park();
        const printed = await run([...command, url], own);
        expect(
          printed
            .trim()
            .split('\n')
            .map((line) => line.replace(/ +/g, ' ').trim()),
        ).toEqual(SEEN);
      },
      TEST_MS,
    );
  },
);
