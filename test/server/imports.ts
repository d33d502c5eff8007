/** Who may import whom, and how that is read off a module's text. */
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';

export interface Module {
  /** From the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Folders in which our modules live; the outermost name is the room. */
export const ROOMS = ['machines', 'stores', 'services-stub', 'server'] as const;

export function modulesIn(root: string): Module[] {
  return ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(tsx?|mts)$/.test(name))
      .map((name) => {
        const path = posix.join(room, name.replaceAll('\\', '/'));
        return { path, text: readFileSync(join(root, path), 'utf8') };
      }),
  );
}

/** What a module imports: ours as paths from the root, packages by name, and Node's own with their `node:`. */
export function importsOf({ path, text }: Module): string[] {
  const statements =
    /(?:^|[\s;}])(?:import|export)\s(?:[^'";]*?\sfrom\s*)?['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]/g;
  // An import in a comment imports nothing.
  const code = text.replace(/\/\*.*?\*\//gs, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(statements)].map(([, from = '', called = from]) => {
    const named = from === '' ? called : from;
    if (named.startsWith('.')) return posix.join(posix.dirname(path), named);
    if (isBuiltin(named)) return named.startsWith('node:') ? named : `node:${named}`;
    return named;
  });
}

/** A rule: the modules that it is about, and what they may import. What no rule is about may import anything. */
export interface Rule {
  readonly about: RegExp;
  readonly may: readonly RegExp[];
  readonly why: string;
}

const SERVER_TOP = /^server\/[^/]+\.ts$/;
const PACKAGE = /^(?!node:)(?!(machines|stores|services-stub|server|test)\/)/;
const NODE = /^node:/;
/** What everybody in the server may know of the engine. */
const ENGINE_SHOWN = /^server\/engine\/(contract|clock)\.ts$/;

export const RULES: readonly Rule[] = [
  {
    about: /^machines\//,
    may: [/^machines\//, /^xstate(\/|$)/, /^zod$/, /^node:crypto$/],
    why: 'machines are pure: no clock, no randomness, no I/O',
  },
  { about: /^stores\//, may: [/^stores\//, PACKAGE, NODE], why: 'a store knows nothing of what it stores' },
  {
    about: /^services-stub\//,
    may: [/^services-stub\//, PACKAGE, NODE],
    why: 'the services are what others would write',
  },
  {
    about: /^server\/engine\//,
    may: [/^server\/engine\//, /^machines\//, /^stores\/saga-store\.ts$/, PACKAGE, NODE],
    why: 'the engine is given its store, and tells nobody about HTTP',
  },
  {
    about: /^server\/(routes|telemetry|dashboard)\//,
    may: [
      /^server\/(routes|telemetry|dashboard)\//,
      SERVER_TOP,
      ENGINE_SHOWN,
      /^machines\//,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'they know the engine by its contract, and no concrete store',
  },
  {
    about: /^server\/cli\//,
    may: [/^server\/cli\//, NODE],
    why: 'it is a client: what it knows of a coordinator came over HTTP',
  },
  {
    about: /^server\/start\//,
    may: [/^server\/start\//, /^server\/config\.ts$/, PACKAGE, NODE],
    why: 'it starts processes, and is in none of them',
  },
  {
    about: /^server\/processes\//,
    may: [
      /^server\/processes\//,
      /^server\/config\.ts$/,
      /^server\/start\/private-redis\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'a process runs a whole coordinator, and the others know nothing of what is in it',
  },
  {
    about: /^server\/(?!coordinator\.ts|main\.ts)[^/]+\.ts$/,
    may: [
      /^server\/(?!coordinator\.ts|main\.ts)[^/]+\.ts$/,
      /^server\/(routes|telemetry|dashboard)\//,
      ENGINE_SHOWN,
      /^machines\//,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'only the composition root names a concrete store, and nothing imports the root but main',
  },
];

/** One line for each import that no rule lets pass. */
export function violations(modules: readonly Module[], rules: readonly Rule[] = RULES): string[] {
  return modules.flatMap((module) =>
    rules
      .filter(({ about }) => about.test(module.path))
      .flatMap(({ may, why }) =>
        importsOf(module)
          .filter((imported) => !may.some((pattern) => pattern.test(imported)))
          .map((imported) => `${module.path} imports ${imported}: ${why}`),
      ),
  );
}
