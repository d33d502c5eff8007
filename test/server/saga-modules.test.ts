/** SAGAS: modules of anybody's, written into a folder and loaded from there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { activitiesIn, type RegisteredMachine, Registry } from '../../machines/index.ts';
import { sagasOf } from '../../server/assembly.ts';
import { ConfigError, ORDER_OUTLINE, readSettings } from '../../server/config.ts';
import { loadSagas, SagaModuleError } from '../../server/saga-modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'sagas-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ours = (module: string) => pathToFileURL(join(process.cwd(), module)).href;
const HEAD = `
import { z } from ${JSON.stringify(import.meta.resolve('zod'))};
import { defineSaga } from ${JSON.stringify(ours('machines/define.ts'))};
import { definitionOf } from ${JSON.stringify(ours('machines/definition.ts'))};
export const action = { path: '/do', request: () => ({}), answer: z.looseObject({}) };
const start = (id, more = {}) => defineSaga({ id, version: '1', input: z.strictObject({}), ...more });
const stay = start('stay', { deadline: '90 days' }).step('room', {
  at: 'front-desk', action: { ...action, timeout: '2 s', attempts: 7 }, undo: { path: '/undo', attempts: 9 },
});
`;
let count = 0;

/** Loads a module with this text behind what all of them need. */
function loading(text: string, head = HEAD) {
  count += 1;
  const name = `./m${count}.mjs`;
  writeFileSync(join(folder, name), head + text);
  return { name, loaded: loadSagas(name, folder) };
}

async function refusal(text: string, head = HEAD): Promise<string> {
  const { name, loaded } = loading(text, head);
  const error = await loaded.then(
    () => new Error('it was taken'),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(SagaModuleError);
  return (error as Error).message.replaceAll(name, 'MODULE');
}

const problemsOf = (environment: Record<string, string>, sagas: Awaited<ReturnType<typeof loadSagas>>) => {
  try {
    readSettings(environment, sagas);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};
/** What a saga of this machine asks for first. */
const firstOf = (machine: RegisteredMachine | undefined) =>
  machine === undefined
    ? []
    : activitiesIn(machine.asks(machine.begin({ data: {} }))).map(({ name }) => name);
const ids = async (loaded: ReturnType<typeof loadSagas>) => (await loaded).map(({ id }) => id);

it('says of the order saga just what settings need to know of it', async () => {
  const [order, ...others] = await loadSagas(undefined);
  expect(others).toEqual([]);
  const steps = order?.steps.map(({ name, participant }) => ({ name, participant }));
  expect({ id: order?.id, steps, stubs: order?.stubs }).toEqual(ORDER_OUTLINE);
});

describe('takes', () => {
  it.each([
    ['a saga by any name', 'export const booking = stay;', ['stay']],
    [
      'a list',
      "export default [stay, start('b').step('x', { at: 'y', action, undo: { path: '/u' } })];",
      ['stay', 'b'],
    ],
    ['one saga under two names once', 'export const booking = stay; export default stay;', ['stay']],
    [
      'a function that makes one',
      'export const staySaga = (policies) => definitionOf(stay, policies);',
      ['stay'],
    ],
    [
      'no other function',
      'export const booking = stay; export const price = (of) => of.no.such.thing;',
      ['stay'],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await ids(loading(text).loaded)).toEqual(expected);
  });

  it('several modules, and the order saga by its name', async () => {
    const { name } = loading('export const booking = stay;');
    expect(await ids(loadSagas(` ${name}, order`, folder))).toEqual(['stay', 'order']);
  });
});

describe('refuses, and names module and way out', () => {
  it.each([
    ['what is not there', "import './missing.mjs';", '', 'MODULE: it cannot be loaded: Error: '],
    [
      'a module that throws',
      "throw new TypeError('no key');",
      '',
      'MODULE: it cannot be loaded: TypeError: no key',
    ],
    ['one without a saga', '', HEAD, 'MODULE: it exports no saga, only action: write export const'],
    [
      'a function that gives none',
      'export default () => ({ id: 1 });',
      HEAD,
      'MODULE: default is a function that gives no definition',
    ],
    [
      'a saga that breaks a rule',
      `export const badSaga = (policies) => {
         const { machine, ...good } = definitionOf(stay, policies);
         return { ...good, machine: machine.provide({}), steps: [...good.steps, { ...good.steps[0], name: 'extra' }] };
       };`,
      HEAD,
      'MODULE: MachineError: machine stay, state (none), rule reachable: no state makes the action of step extra',
    ],
    [
      'a span that is none',
      "export const b = start('b').step('x', { at: 'y', action: { ...action, timeout: 5 }, undo: { path: '/u' } });",
      HEAD,
      'MODULE: it cannot be loaded: DefinitionError: a span of b: RangeError: 5 is no span',
    ],
  ])('%s', async (_, text, head, message) => {
    expect(await refusal(text, head)).toContain(`SAGAS: ${message}`);
  });

  it('of a function that makes a saga where in it that fails', async () => {
    const said = await refusal('export const badSaga = ({ length }) => null.x;', '');
    expect(said).toMatch(
      /^SAGAS: MODULE: badSaga: TypeError: Cannot read properties of null \(reading 'x'\)\n {2}at MODULE:1:\d+$/,
    );
  });

  it('a saga that breaks a rule, where it is defined', async () => {
    const said = await refusal("export const booking = start('empty');");
    expect(said).toMatch(
      /^SAGAS: MODULE: booking: MachineError: machine empty, state \(none\), rule reachable: it has no part, .*\n {2}at MODULE:\d+:\d+$/,
    );
  });

  it('a module that awaits what does not come', async () => {
    vi.useFakeTimers();
    try {
      const refused = refusal('await new Promise(() => {});', '');
      await vi.advanceTimersByTimeAsync(30_000);
      expect(await refused).toContain(
        'MODULE: it cannot be loaded: Error: it is not loaded after 30 s: what it awaits at its top does not come',
      );
    } finally {
      vi.useRealTimers();
    }
  });

  it('a file that is not there', async () => {
    await expect(loadSagas('./nowhere.mjs', folder)).rejects.toThrow(
      `SAGAS: ./nowhere.mjs: there is no file ${join(folder, 'nowhere.mjs')}`,
    );
  });

  it('one saga in two modules', async () => {
    const [a, b] = [loading('export const a = stay;'), loading('export const b = stay;')];
    await expect(loadSagas(`${a.name},${b.name}`, folder)).rejects.toThrow(
      `SAGAS: ${b.name}: saga stay in version 1 is in ${a.name} too`,
    );
  });
});

describe('settings of a saga of others', () => {
  const sagas = loading('export const booking = stay;').loaded;
  const URLS = { FRONT_DESK_SERVICE_URL: 'http://desk.example' };
  const policies = async (environment: Record<string, string>) => {
    const [saga] = await sagas;
    if (saga === undefined) throw new Error('no saga');
    return readSettings({ ...URLS, ...environment }, [saga]).policiesOf(saga);
  };

  it('have the addresses of its participants, and need no other', async () => {
    const { serviceUrls, serviceHeaders } = readSettings(
      { ...URLS, FRONT_DESK_SERVICE_HEADERS: 'X-Key: 1' },
      await sagas,
    );
    expect(serviceUrls).toEqual({ 'front-desk': 'http://desk.example' });
    expect(serviceHeaders).toEqual({ 'front-desk': ['x-key', '1'] });
  });

  it('stop the start where an address is missing: named with saga and step', async () => {
    expect(problemsOf({}, await sagas)).toEqual([
      'FRONT_DESK_SERVICE_URL: is not set, and saga stay calls front-desk in its step room: set it to the URL of front-desk',
    ]);
  });

  it('take policies of its definition before those of all calls, and after those of the step', async () => {
    expect((await policies({}))('room', 'action')).toMatchObject({ timeoutMs: 2000, attemptsMax: 7 });
    const all = await policies({ ACTION_TIMEOUT_MS: '9', ACTION_BACKOFF_MS: '8' });
    expect(all('room', 'action')).toMatchObject({ timeoutMs: 2000, backoffMs: 8 });
    const own = await policies({ ROOM_ACTION_TIMEOUT_MS: '7' });
    expect(own('room', 'action')).toMatchObject({ timeoutMs: 7, attemptsMax: 7 });
    const nearest = await policies({ ROOM_ACTION_TIMEOUT_MS: '7', STAY_ROOM_ACTION_TIMEOUT_MS: '6' });
    expect(nearest('room', 'action').timeoutMs).toBe(6);
    expect((await policies({}))('room', 'compensation').attemptsMax).toBe(9);
  });

  it('know the longest time-out, from wherever it is', async () => {
    const [saga] = await sagas;
    if (saga === undefined) throw new Error('no saga');
    const longest = (environment: Record<string, string>) =>
      readSettings({ ...URLS, ...environment }, [saga]).callTimeoutMaxMs;
    expect(longest({})).toBe(10_000);
    expect(longest({ STAY_ROOM_ACTION_TIMEOUT_MS: '60000' })).toBe(60_000);
  });

  it('stop the start where the name of a step is misspelt, and tell of one that there is not', async () => {
    expect(problemsOf({ ...URLS, ROOMS_ACTION_TIMEOUT_MS: '1' }, await sagas)).toEqual([
      'ROOMS_ACTION_TIMEOUT_MS: no step is called ROOMS; did you mean ROOM_ACTION_TIMEOUT_MS?',
    ]);
    expect(readSettings({ ...URLS, PAYMENT_ACTION_TIMEOUT_MS: '1' }, await sagas).warnings).toEqual([
      'PAYMENT_ACTION_TIMEOUT_MS is ignored: no step is called PAYMENT, only ROOM',
    ]);
  });

  it('leave it its own deadline, which may be longer than any other', async () => {
    const [saga] = await sagas;
    const policiesOf = await policies({});
    expect(saga?.define(policiesOf, 5_000).deadlineMs).toBe(90 * 86_400_000);
    expect(
      readSettings({ ...URLS, SAGA_DEADLINE_MS: String(90 * 86_400_000) }, await sagas).sagaDeadlineMs,
    ).toBe(90 * 86_400_000);
  });
});

it('two versions of one saga stand beside each other, each with its own steps', async () => {
  const { loaded } = loading(`
    const next = (version, step) => start('twin', { version }).step(step, {
      at: 'front-desk', action, undo: { path: '/undo' },
    });
    export const second = next('2', 'suite');
    export const first = next('1', 'room');
  `);
  const blueprints = await loaded;
  const registry = new Registry();
  for (const definition of sagasOf(blueprints)(
    readSettings({ FRONT_DESK_SERVICE_URL: 'http://desk' }, blueprints),
  ))
    registry.register(definition);
  expect(registry.takes().map(({ id, version }) => `${id}@${version}`)).toEqual(['twin@1', 'twin@2']);
  expect(firstOf(registry.takerOf('twin', '1'))).toEqual(['action room']);
  expect(firstOf(registry.takerOf('twin', '2'))).toEqual(['action suite']);
  // A start that names no version begins on the newest, in whatever order they were exported.
  expect(registry.all().at(-1)?.version).toBe('2');
});
