/**
 * The programs that tests start as processes. Each is bundled once for a run: so it begins with a quarter of the CPU that
 * it takes from its sources, and the suite starts some two hundred. What `npm start` and the image run is tested as it is.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'node_modules/.cache/programs');

const SOURCES = [
  'server/main.ts',
  'cli/main.ts',
  'services-stub/main.ts',
  'test/chaos/coordinator.ts',
  'test/start/run-supervisor.ts',
  'test/start/fake-coordinator.ts',
];

/** Set for the processes of a run whose set-up has bundled them: scripts that use the same worlds run the sources. */
const BUNDLED = 'TEST_PROGRAMS_BUNDLED';

/** The program of a source: its bundle, or itself. */
export function programOf(source: string): string {
  const name = relative(ROOT, source);
  const isBundled = process.env[BUNDLED] !== undefined && SOURCES.includes(name);
  return isBundled ? join(FOLDER, `${nameOf(name)}.js`) : source;
}

/**
 * What to give to Node so that it runs the program of a module. A program of a test ends before it is any faster for being
 * optimized, and optimizing takes a quarter of the CPU with which it begins.
 */
export function argumentsOf(module: string): string[] {
  const program = programOf(module);
  return extname(program) === '.ts'
    ? ['--import', import.meta.resolve('tsx'), program]
    : ['--no-opt', program];
}

const nameOf = (source: string) => source.slice(0, -extname(source).length).replaceAll('/', '-');

/** Bundles them all; for the set-up of a run. */
export async function bundlePrograms(): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: SOURCES.map((source) => ({
      in: join(ROOT, source),
      out: nameOf(source),
    })),
    outdir: FOLDER,
    write: false,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Names of classes stand in logs and answers; in one scope some would be numbered.
    keepNames: true,
    // The exporters share a name that esbuild mixes up between two chunks.
    external: ['esbuild', 'tsx', '@opentelemetry/exporter-*'],
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    plugins: [asInTheSource],
    logLevel: 'error',
  });
  mkdirSync(FOLDER, { recursive: true });
  for (const { path, text } of outputFiles) if (text !== textOf(path)) replace(path, text);
  process.env[BUNDLED] = 'yes';
}

/** A module finds what lies beside its source, as if it were run from there. */
const asInTheSource: Plugin = {
  name: 'as in the source',
  setup(build) {
    build.onLoad({ filter: /\.tsx?$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: path.endsWith('x') ? 'tsx' : 'ts',
    }));
  },
};

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** At once, for another run of the tests may be starting it. */
function replace(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
