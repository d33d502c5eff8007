/** `npm run sbom`: writes the bill of materials beside package.json. It has a time and a number of its own, so git has none of it. */
import { writeFileSync } from 'node:fs';
import { ROOT } from './packed.ts';
import { type Bill, billOfMaterials } from './sbom.ts';

const text = await billOfMaterials();
writeFileSync(`${ROOT}sbom.cdx.json`, text);
const { bomFormat, specVersion, components } = JSON.parse(text) as Bill;
process.stdout.write(`${bomFormat} ${specVersion}: ${components.length} packages in sbom.cdx.json\n`);
