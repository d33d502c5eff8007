/** What `saga init` writes, as its README has it. Installed from the packed archive it is tried by `npm run starter`. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBank } from '../../examples/starter/bank.ts';
import { transfer } from '../../examples/starter/transfer.ts';
import { createCoordinator, memoryStore } from '../../index.ts';
import { saga } from '../cli/command.ts';
import { changed } from './starter.ts';

const SOURCE = 'examples/starter';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'starter-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const textOf = (file: string) => readFileSync(file, 'utf8');

describe('saga init', () => {
  it('writes every file, and names the folder and where the package comes from', async () => {
    const target = join(folder, 'My First Saga');
    const { code, out, err } = await saga(['init', target]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('npm install && npm test && npm start');
    const files = readdirSync(SOURCE).map((file) => (file === 'gitignore' ? '.gitignore' : file));
    expect(readdirSync(target).sort()).toEqual(files.sort());
    for (const file of files.filter((name) => !/^(\.gitignore|package\.json)$/.test(name)))
      expect(textOf(join(target, file)), file).toBe(textOf(join(SOURCE, file)));
    const { name, dependencies } = JSON.parse(textOf(join(target, 'package.json')));
    expect(name).toBe('my-first-saga');
    expect(dependencies['saga-coordinator']).toBe(`file:${relative(target, process.cwd())}`);
    const elsewhere = join(folder, 'elsewhere');
    const from = await saga(['init', elsewhere, '--from', '^9.9.9', '--json']);
    expect(JSON.parse(from.out)).toEqual({ folder: elsewhere, files: files.sort() });
    expect(JSON.parse(textOf(join(elsewhere, 'package.json'))).dependencies['saga-coordinator']).toBe(
      '^9.9.9',
    );
  });

  it('touches nothing that is there', async () => {
    writeFileSync(join(folder, 'file'), 'mine');
    for (const [target, why] of [
      [folder, /is there already, and not empty \(see saga help init\)\n$/],
      [join(folder, 'file'), /cannot be written: ENOTDIR/],
    ] as const) {
      const { code, err } = await saga(['init', target]);
      expect(code).toBe(2);
      expect(err).toMatch(why);
    }
    expect(textOf(join(folder, 'file'))).toBe('mine');
  });
});

describe('what it writes', () => {
  it('asks for the versions with which it is tested', () => {
    const { dependencies, devDependencies, version } = JSON.parse(textOf('package.json'));
    const ours = { ...dependencies, ...devDependencies, 'saga-coordinator': version };
    const its = JSON.parse(textOf(`${SOURCE}/package.json`));
    for (const [name, range] of Object.entries({ ...its.dependencies, ...its.devDependencies }))
      expect(range, name).toBe(`^${ours[name].replace(/^\^/, '')}`);
  });

  it('passes its tests, with the step more that its README adds', async () => {
    const target = join(folder, 'changed');
    await saga(['init', target]);
    for (const file of ['transfer.test.ts', 'transfer.ts'] as const)
      writeFileSync(
        join(target, file),
        changed[file](textOf(join(target, 'README.md')), textOf(join(target, file))),
      );
    symlinkSync(join(process.cwd(), 'node_modules'), join(target, 'node_modules'));
    const tests = readdirSync(target).filter((file) => file.endsWith('.test.ts'));
    const args = ['--import', 'tsx', '--test', ...tests.map((file) => join(target, file))];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toMatch(/^# pass 5$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
  });

  it('moves money, or gives it back', async () => {
    const bank = openBank(0);
    if (!bank.listening) await once(bank, 'listening');
    const url = `http://127.0.0.1:${(bank.address() as AddressInfo).port}`;
    const coordinator = createCoordinator({
      ...{ sagas: [transfer], store: memoryStore(), participants: { bank: url }, dashboard: false },
      settings: { LOG_LEVEL: 'silent' },
    });
    await coordinator.start();
    const input = { transfer: 't-1', from: 'ada', to: 'bob', cents: 500 };
    const done = await coordinator.run(transfer, input);
    const refused = await coordinator.run(transfer, { ...input, to: 'eve' });
    await coordinator.close();
    const accounts = await (await fetch(`${url}/accounts`)).json();
    bank.close();
    expect(done).toMatchObject({ status: 'COMPLETED' });
    expect(refused).toMatchObject({ status: 'FAILED', reason: expect.stringMatching(/no such account/) });
    expect(accounts).toEqual({ ada: 9500, bob: 500 });
  });
});
