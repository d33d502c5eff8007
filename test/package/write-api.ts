/** `npm run api`: builds, and writes docs/api.md anew. */
import { writeFileSync } from 'node:fs';
import { builtReport } from './api.ts';
import { ROOT } from './packed.ts';

writeFileSync(`${ROOT}docs/api.md`, builtReport(ROOT));
