import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { variables } from '../../server/config.ts';

it('documents every variable with the default that it has', () => {
  const text = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|/gm)];
  const documented = Object.fromEntries(rows.map(([, name, unset]) => [name, unset ?? null]));
  const known = Object.fromEntries(
    [...variables()].map(([name, unset]) => {
      if (typeof unset === 'boolean') return [name, unset ? '1' : '0'];
      return [name, unset === null ? null : String(unset)];
    }),
  );
  expect(documented).toEqual(known);
});
