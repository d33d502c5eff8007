/** The architecture as DESIGN.md has it, read from the import statements; and proof that a breach of it would be seen. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { circles, importsOf, isOurs, modulesIn, ROOMS, RULES, violations } from './imports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const modules = modulesIn(ROOT);

describe('the modules', () => {
  it('import only what their room may', () => {
    expect(violations(modules)).toEqual([]);
  });

  it('import each other in no circle', () => {
    expect(circles(modules)).toEqual([]);
  });

  it('are all there, and each rule is about some of them', () => {
    expect(modules.length).toBeGreaterThan(60);
    for (const { about } of RULES) {
      const found = modules.filter(({ path }) => about.test(path));
      expect(found.length, String(about)).toBeGreaterThan(0);
    }
  });

  it('name a concrete store where all is put together, and where a store is moved while nothing runs', () => {
    const concrete = /^stores\/(?!(saga-store|audit-verify)\.ts$|sealing\/)/;
    const naming = modules.filter(
      (module) => !module.path.startsWith('stores/') && importsOf(module).some((path) => concrete.test(path)),
    );
    expect(naming.map(({ path }) => path)).toEqual(['server/open-store.ts', 'cli/store.ts']);
  });

  it('import no test, and only modules that exist', () => {
    const paths = new Set(modules.map(({ path }) => path));
    for (const module of modules) {
      for (const imported of importsOf(module)) {
        if (isOurs(imported)) {
          expect(paths, `${module.path} imports`).toContain(imported);
        }
      }
    }
  });

  it('import no package that package.json does not name as needed at run time', () => {
    const { dependencies } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
    // Its types alone are used, and they are gone when the program runs.
    const typesOnly = ['@statelyai/inspect'];
    // The build has done its work before the program runs; from the sources it is there.
    const buildOnly = ['esbuild'];
    const packages = modules
      .flatMap(importsOf)
      .filter((imported) => !imported.startsWith('node:') && !isOurs(imported))
      .map((imported) =>
        imported
          .split('/')
          .slice(0, imported.startsWith('@') ? 2 : 1)
          .join('/'),
      );
    for (const name of new Set(packages)) {
      if (![...typesOnly, ...buildOnly].includes(name)) expect(Object.keys(dependencies)).toContain(name);
    }
  });

  it('make no room a junk drawer', () => {
    const folders = [...ROOMS, 'test'].flatMap((room) =>
      readdirSync(`${ROOT}/${room}`, { recursive: true, encoding: 'utf8' }),
    );
    const junk = /(^|\/)(utils?|helpers?|common|managers?|types)(\.ts)?$/;
    expect(folders.filter((name) => junk.test(name.replaceAll('\\', '/')))).toEqual([]);
  });
});

describe('a breach is seen', () => {
  it.each([
    ['machines/order.ts', "import { Redis } from 'ioredis';", 'ioredis'],
    ['machines/order.ts', "import { now } from 'node:perf_hooks';", 'node:perf_hooks'],
    ['machines/order.ts', "import { readFileSync } from 'fs';", 'node:fs'],
    ['machines/new/refund.ts', "import { z } from '../../server/config.ts';", 'server/config.ts'],
    [
      'stores/redis/redis-store.ts',
      "import type { Step } from '../../machines/step.ts';",
      'machines/step.ts',
    ],
    ['json/exact.ts', "import { z } from 'zod';", 'zod'],
    ['services-stub/order.ts', "import { parse } from '../json/exact.ts';", 'json/exact.ts'],
    ['services-stub/order.ts', "import { Problem } from '../server/problem.ts';", 'server/problem.ts'],
    [
      'server/engine/engine.ts',
      "import { RedisStore } from '../../stores/redis/redis-store.ts';",
      'stores/redis/redis-store.ts',
    ],
    ['server/engine/engine.ts', "import { Problem } from '../problem.ts';", 'server/problem.ts'],
    ['server/engine/engine.ts', "export { Problem } from '../problem.ts';", 'server/problem.ts'],
    ['server/engine/engine.ts', "export * from '../problem.ts';", 'server/problem.ts'],
    ['server/engine/engine.ts', "import '../problem.ts';", 'server/problem.ts'],
    ['server/engine/engine.ts', "const late = await import('../problem.ts');", 'server/problem.ts'],
    [
      'server/engine/engine.ts',
      "import {\n  Problem,\n  PROBLEMS,\n} from '../problem.ts';",
      'server/problem.ts',
    ],
    ['server/engine/engine.ts', 'import { Problem } from "../problem.ts";', 'server/problem.ts'],
    ['server/routes/orders.ts', "import { Runner } from '../engine/runner.ts';", 'server/engine/runner.ts'],
    [
      'server/routes/orders.ts',
      "import { MemoryStore } from '../../stores/memory-store.ts';",
      'stores/memory-store.ts',
    ],
    [
      'server/routes/orders.ts',
      "import { DURATION_BUCKETS_MS } from '../engine/write.ts';",
      'server/engine/write.ts',
    ],
    [
      'server/routes/orders.ts',
      "import { startServices } from '../../services-stub/start.ts';",
      'services-stub/start.ts',
    ],
    [
      'server/telemetry/metrics.ts',
      "import { Engine } from '../engine/engine.ts';",
      'server/engine/engine.ts',
    ],
    ['client/coordinator.ts', "import { PROBLEMS } from '../server/problem.ts';", 'server/problem.ts'],
    ['cli/list.ts', "import type { Filter } from '../stores/saga-store.ts';", 'stores/saga-store.ts'],
    ['cli/run.ts', "import { readSettings } from '../server/config.ts';", 'server/config.ts'],
    ['machines/order.ts', "import { checkSaga } from '../index.ts';", 'index.ts'],
    ['server/app.ts', "import { connect } from '../stores/redis/connect.ts';", 'stores/redis/connect.ts'],
    ['server/app.ts', "import { startCoordinator } from './coordinator.ts';", 'server/coordinator.ts'],
    [
      'server/probes.ts',
      "import { ORDER } from '../test/coordinator/world.ts';",
      'test/coordinator/world.ts',
    ],
    [
      'server/assembly.ts',
      "import { MemoryStore } from '../stores/memory-store.ts';",
      'stores/memory-store.ts',
    ],
    ['server/open-store.ts', "import { createApp } from './app.ts';", 'server/app.ts'],
    [
      'server/start/main.ts',
      "import { startCoordinator } from '../coordinator.ts';",
      'server/coordinator.ts',
    ],
    [
      'server/processes/primary.ts',
      "import { Engine } from '../engine/engine.ts';",
      'server/engine/engine.ts',
    ],
  ])('in %s: %s', (path, text, imported) => {
    const found = violations([{ path, text }]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(`${path} imports ${imported}: `);
  });

  it('in a circle, of two or of three, once for each', () => {
    const module = (path: string, ...imports: string[]) => ({
      path,
      text: imports.map((from) => `import type { It } from '${from}';`).join('\n'),
    });
    const found = circles([
      module('server/a.ts', './b.ts', './far.ts'),
      module('server/b.ts', './c.ts'),
      module('server/c.ts', './a.ts'),
      module('server/far.ts'),
      module('json/one.ts', './two.ts'),
      module('json/two.ts', './one.ts'),
    ]);
    expect(found).toEqual([
      ['json/one.ts', 'json/two.ts'],
      ['server/a.ts', 'server/b.ts', 'server/c.ts'],
    ]);
  });

  it.each([
    ['machines/order.ts', "import { z } from 'zod';\nimport { step } from './step.ts';"],
    ['machines/order.ts', "// import { Redis } from 'ioredis';\n/* import 'node:fs'; */"],
    ['server/engine/engine.ts', "import type { SagaStore } from '../../stores/saga-store.ts';"],
    ['stores/redis/record.ts', "import { parse } from '../../json/exact.ts';"],
    ['server/open-store.ts', "import { RedisStore } from '../stores/redis/redis-store.ts';"],
    ['server/assembly.ts', "import { Engine } from './engine/engine.ts';"],
    ['server/routes/orders.ts', "const text = 'important from afar';"],
  ])('and what is allowed is let pass, in %s: %j', (path, text) => {
    expect(violations([{ path, text }])).toEqual([]);
  });
});
