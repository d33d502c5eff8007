/** What is said of a module that Node cannot load: why, and where, with nothing of ours. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';
import { afterAll, expect, it } from 'vitest';
import { moduleFault } from '../../server/module-fault.ts';

const folder = mkdtempSync(join(tmpdir(), 'faults-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ZOD = JSON.stringify(import.meta.resolve('zod'));

/** Past the test runner, which would read modules in its own way. */
const load = new Script('(url) => import(url)', {
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
}).runInThisContext() as (url: string) => Promise<unknown>;
let count = 0;

async function faultOf(text: string): Promise<string> {
  count += 1;
  const name = `m${count}.mjs`;
  const path = join(folder, name);
  writeFileSync(path, text);
  const error = await load(pathToFileURL(path).href).then(
    () => new Error('it was loaded'),
    (error: unknown) => error,
  );
  return moduleFault(error, path, folder).replaceAll(name, 'MODULE');
}

it.each([
  ['a throw', "\n  throw new TypeError('no key');", 'TypeError: no key\n  at ./MODULE:2:9'],
  [
    'a throw of what it calls',
    "import { EventEmitter } from 'node:events';\n\nnew EventEmitter().emit('error', new Error('none'));",
    'Error: none\n  at ./MODULE:3:34',
  ],
  [
    'what cannot be read',
    'export const a = 1;\n export const b = { x: 1,, };',
    "SyntaxError: Unexpected token ','\n  at ./MODULE:2:26",
  ],
  [
    'an import that is not there',
    "\nimport { nope } from 'node:fs';",
    "SyntaxError: The requested module 'node:fs' does not provide an export named 'nope'\n  at ./MODULE:2",
  ],
  ['null', 'throw null;', 'null'],
  ['a text', "throw 'a text';", 'a text'],
  ['what says much', "throw new Error('x\\n'.repeat(99));", 'Error: x\nx\nx\nx\n  at ./MODULE:1:7'],
])('says why and where: %s', async (_, text, expected) => {
  expect(await faultOf(text)).toBe(expected);
});

it('passes over packages', async () => {
  const said = await faultOf(`import { z } from ${ZOD};\n\nz.object({}).parse(1);`);
  expect(said).toMatch(/^ZodError: [\s\S]*\n {2}at \.\/MODULE:3:\d+$/);
  expect(said.split('\n').length).toBeLessThanOrEqual(5);
});

it('tells of a module that it imports where that cannot be read', async () => {
  writeFileSync(join(folder, 'inner.mjs'), 'export const c = (;');
  expect(await faultOf("import { c } from './inner.mjs';")).toBe(
    "SyntaxError: Unexpected token ';'\n  in what it imports",
  );
});

it.each([
  ['ours', 'machines/define.ts', './booking.ts:3:5'],
  ['a package', 'node_modules/zod/core.js', './booking.ts:3:5'],
  ['its own, though it lies among ours', 'machines/booking.ts', './machines/booking.ts:9:1'],
  ['what it imports', 'shared/prices.ts', './shared/prices.ts:9:1'],
])('names the first place in a stack that is not ours: %s', (_, file, expected) => {
  const root = process.cwd();
  const error = new RangeError('no');
  error.stack = [
    'RangeError: no',
    `    at named (${root}/${file}:9:1)`,
    `    at ${root}/booking.ts:3:5`,
    '    at ModuleJob.run (node:internal/modules/esm/module_job:325:25)',
  ].join('\n');
  expect(moduleFault(error, `${root}/${file === 'machines/booking.ts' ? file : 'booking.ts'}`, root)).toBe(
    `RangeError: no\n  at ${expected}`,
  );
});
