/** `npm run client-types`: writes the types of our own client anew, after a change of the API. */
import { writeFileSync } from 'node:fs';
import { clientTypes } from './client-types.ts';

writeFileSync(new URL('../../client/schema.ts', import.meta.url), await clientTypes());
