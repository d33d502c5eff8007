/** `npm run licences`: writes docs/licences.md anew, or says which package keeps it from that. */
import { readFileSync, writeFileSync } from 'node:fs';
import { installedBy, licenceList, refusedIn } from './licences.ts';
import { ROOT } from './packed.ts';

const installed = installedBy(JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')));
const refused = refusedIn(installed);
for (const one of refused) process.stderr.write(`${one}\n`);
if (refused.length > 0) process.exitCode = 1;
else {
  writeFileSync(`${ROOT}docs/licences.md`, licenceList(installed));
  process.stdout.write(`${installed.length} packages, all under allowed licences\n`);
}
