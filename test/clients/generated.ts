/**
 * Clients as their generators make them of openapi.json: generated, compiled and run in a folder of their own, with
 * nothing kept but what was downloaded. Each runs the same orders and prints what it saw.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = join(ROOT, 'node_modules/.cache/clients');
/** The generator of the Go and of the Java client. */
const GENERATOR = 'org.openapitools:openapi-generator-cli:7.22.0';
const COMMAND_MS = 10 * 60_000;

/** What a client is made in, and from what. */
export interface Workshop {
  /** An empty folder. */
  readonly folder: string;
  /** The document's file. */
  readonly document: string;
}

export interface GeneratedClient {
  readonly name: string;
  /** Commands without which it cannot be made. */
  readonly needs: readonly string[];
  /** Brings what is downloaded once, and says where it is; rejects where a registry cannot be reached. */
  install(): Promise<string>;
  /** Generates and compiles; answers the command that runs it, to which the coordinator's URL is added. */
  make(workshop: Workshop, installed: string): Promise<readonly string[]>;
}

const typescript: GeneratedClient = {
  name: 'TypeScript',
  needs: [],
  install: () =>
    cached('typescript', ['package.json', 'package-lock.json'], async (folder) => {
      for (const file of ['package.json', 'package-lock.json'])
        cpSync(join(HERE, 'typescript', file), join(folder, file));
      await run(['npm', 'ci', '--ignore-scripts', '--userconfig', join(ROOT, '.npmrc')], folder);
    }),
  async make({ folder, document }, installed) {
    symlinkSync(join(installed, 'node_modules'), join(folder, 'node_modules'));
    cpSync(join(HERE, 'typescript/use.ts'), join(folder, 'use.ts'));
    const cli = join(installed, 'node_modules/openapi-typescript/bin/cli.js');
    await run([process.execPath, cli, document, '--output', 'schema.d.ts'], folder);
    const compilerOptions = {
      ...{ target: 'ES2023', lib: ['ES2023', 'DOM', 'DOM.AsyncIterable'], module: 'NodeNext', strict: true },
      ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true },
      ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] },
      ...{ allowImportingTsExtensions: true, verbatimModuleSyntax: true },
    };
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    await run([process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc')], folder);
    return [process.execPath, '--import', import.meta.resolve('tsx'), 'use.ts'];
  },
};

const python: GeneratedClient = {
  name: 'Python',
  needs: ['python3'],
  install: () =>
    cached('python', ['requirements.txt'], async (folder) => {
      await run(['python3', '-m', 'venv', '.'], folder);
      await run(
        ['bin/pip', 'install', '--quiet', '--requirement', join(HERE, 'python/requirements.txt')],
        folder,
      );
    }),
  async make({ folder, document }, installed) {
    const generate = ['generate', '--path', document, '--meta', 'none', '--output-path', 'saga_client'];
    // It formats what it wrote with ruff, which stands beside it.
    const path = `${join(installed, 'bin')}${delimiter}${process.env.PATH}`;
    await run(['openapi-python-client', ...generate, '--fail-on-warning'], folder, path);
    await run([join(installed, 'bin/python'), '-m', 'compileall', '-q', 'saga_client'], folder);
    cpSync(join(HERE, 'python/use.py'), join(folder, 'use.py'));
    return [join(installed, 'bin/python'), 'use.py'];
  },
};

const go: GeneratedClient = {
  name: 'Go',
  needs: ['go', 'java', 'mvn'],
  install: generator,
  async make({ folder, document }, jar) {
    const names = ['--git-host', 'example.com', '--git-user-id', 'coordinator', '--git-repo-id', 'client'];
    await generate(jar, 'go', document, folder, ['--additional-properties', 'packageName=client', ...names]);
    mkdirSync(join(folder, 'use'));
    cpSync(join(HERE, 'go/use.go'), join(folder, 'use/main.go'));
    await run(['go', 'build', '-o', 'used', './use'], folder);
    await run(['go', 'vet', '.', './use'], folder);
    return [join(folder, 'used')];
  },
};

const java: GeneratedClient = {
  name: 'Java',
  needs: ['java', 'javac', 'mvn'],
  install: generator,
  async make({ folder, document }, jar) {
    // Parameters by name: with them in a row, each filter that a listing gains would break who calls it.
    const byName = ['--additional-properties', 'useSingleRequestParameter=true'];
    await generate(jar, 'java', document, folder, ['--library', 'native', ...byName]);
    const libraries = join(CACHE, 'java');
    const copy = ['dependency:copy-dependencies', '-DincludeScope=compile', `-DoutputDirectory=${libraries}`];
    await run(['mvn', '-q', '-B', ...copy], folder);
    cpSync(join(HERE, 'java/Use.java'), join(folder, 'src/main/java/Use.java'));
    const path = `out${delimiter}${libraries}/*`;
    const compile = ['javac', '-nowarn', '-d', 'out', '-cp', path, '-sourcepath', 'src/main/java'];
    await run([...compile, 'src/main/java/Use.java'], folder);
    return ['java', '-cp', path, 'Use'];
  },
};

export const CLIENTS: readonly GeneratedClient[] = [typescript, python, go, java];

/** The commands of a client that are not there. */
export function missingOf({ needs }: GeneratedClient): string[] {
  return needs.filter((command) => !onPath(command));
}

/** Rejects with what the command said, where it fails. */
export async function run(command: readonly string[], cwd: string, path = process.env.PATH): Promise<string> {
  const [file = '', ...args] = command;
  const options = {
    cwd,
    env: { ...process.env, PATH: path },
    timeout: COMMAND_MS,
    maxBuffer: 64 * 1024 * 1024,
  };
  try {
    return (await promisify(execFile)(file, args, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command.slice(0, 6).join(' ')} failed:\n${stdout}${stderr}`.slice(0, 8000), {
      cause: error,
    });
  }
}

function generator(): Promise<string> {
  const [, artifact, version] = GENERATOR.split(':');
  const jar = join(CACHE, `${artifact}-${version}.jar`);
  if (existsSync(jar)) return Promise.resolve(jar);
  const copy = ['dependency:copy', `-Dartifact=${GENERATOR}`, `-DoutputDirectory=${CACHE}`];
  mkdirSync(CACHE, { recursive: true });
  return run(['mvn', '-q', '-B', ...copy], CACHE).then(() => jar);
}

function generate(jar: string, language: string, document: string, folder: string, more: readonly string[]) {
  return run(
    ['java', '-jar', jar, 'generate', '-g', language, '-i', document, '-o', folder, ...more],
    folder,
  );
}

/** A folder that is filled once for what its files say; half filled, it is filled again. */
async function cached(
  name: string,
  files: readonly string[],
  fill: (folder: string) => Promise<unknown>,
): Promise<string> {
  const texts = files.map((file) => readFileSync(join(HERE, name, file)));
  const digest = createHash('sha256').update(Buffer.concat(texts)).digest('hex').slice(0, 16);
  const folder = join(CACHE, `${name}-${digest}`);
  const whole = join(folder, '.whole');
  if (existsSync(whole)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await fill(folder);
  writeFileSync(whole, '');
  return folder;
}

function onPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
