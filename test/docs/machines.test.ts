import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { pictures } from '../../docs/machines/write.ts';

const folder = new URL('../../docs/machines/', import.meta.url);

it('shows the machines as they are: npm run machines mends a stale picture', () => {
  const shown = readdirSync(folder).filter((name) => !name.endsWith('.ts'));
  expect(shown.sort()).toEqual([...pictures().keys()].sort());
  for (const [name, text] of pictures()) expect(readFileSync(new URL(name, folder), 'utf8'), name).toBe(text);
});

it('writes a config that XState takes back, with every state', () => {
  const config = JSON.parse(pictures().get('order.json') ?? '');
  const machine = createMachine(config);
  expect(Object.keys(machine.states)).toContain('refundingPayment');
  expect(Object.keys(machine.states)).toHaveLength(14);
});
