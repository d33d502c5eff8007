/** The types of our own client, made of the document that the app gives of itself. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appOver } from '../server/fake-app.ts';
import { CLIENTS, run } from './generated.ts';

/** What client/schema.ts holds. The paths are left out: our methods know them, and their types would be most of it. */
export async function clientTypes(): Promise<string> {
  const [typescript] = CLIENTS;
  const installed = (await typescript?.install()) ?? '';
  const described = await appOver({}).request('/openapi.json', { headers: { host: 'localhost' } });
  const document = { ...((await described.json()) as object), paths: {} };
  const folder = mkdtempSync(join(tmpdir(), 'client-types-'));
  try {
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(document));
    const cli = join(installed, 'node_modules/openapi-typescript/bin/cli.js');
    await run([process.execPath, cli, 'openapi.json', '--output', 'schema.ts'], folder);
    return readFileSync(join(folder, 'schema.ts'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
