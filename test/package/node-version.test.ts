import { expect, it } from 'vitest';
import { nodeFault } from '../../node-version.ts';

it.each([
  ['18.20.8', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['22.0.0', true],
  ['26.10.0', true],
])('Node %s will do: %s', (version, does) => {
  const fault = nodeFault(version);
  expect(fault).toBe(does ? null : `saga-coordinator needs Node 20.19 or later; this is Node ${version}`);
});
