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
export const ROOMS = [
  'json',
  'machines',
  'stores',
  'services-stub',
  'server',
  'client',
  'cli',
  'testing',
  'participant',
] as const;

/** What the package shows of them, and what stands before all. */
const DOORS = ['index.ts', 'node-version.ts'] as const;
const OURS = [...ROOMS, 'test'].map((room) => `${room}/`);

export function isOurs(path: string): boolean {
  return OURS.some((room) => path.startsWith(room)) || (DOORS as readonly string[]).includes(path);
}

export function modulesIn(root: string): Module[] {
  const inRooms = ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(tsx?|mts)$/.test(name))
      .map((name) => {
        return posix.join(room, name.replaceAll('\\', '/'));
      }),
  );
  return [...DOORS, ...inRooms].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
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

/** What is put together there, and not what puts it together. */
const SERVER_TOP = /^server\/(?!(assembly|coordinator|main|open-store|process)\.ts)[^/]+\.ts$/;
const PACKAGE =
  /^(?!node:)(?!(json|machines|stores|services-stub|server|client|cli|testing|participant|test)\/)(?!(index|node-version)\.ts$)/;
const NODE = /^node:/;
/** Programs look at it before they load anything. */
const NODE_VERSION = /^node-version\.ts$/;
/** Imports nothing, so everybody may import it. */
const JSON_ROOM = /^json\//;
/** What everybody in the server may know of the engine. */
const ENGINE_SHOWN = /^server\/engine\/(contract|clock|tls-faults)\.ts$/;

/** It seals whatever a store keeps, and knows none of them. */
const SEALING = /^stores\/sealing\//;

export const RULES: readonly Rule[] = [
  { about: JSON_ROOM, may: [JSON_ROOM], why: 'everybody reads and writes JSON by it' },
  {
    about: /^machines\//,
    may: [/^machines\//, JSON_ROOM, /^xstate(\/|$)/, /^zod$/, /^node:crypto$/],
    why: 'machines are pure: no clock, no randomness, no I/O',
  },
  {
    about: /^stores\//,
    may: [/^stores\//, JSON_ROOM, PACKAGE, NODE],
    why: 'a store knows nothing of what it stores',
  },
  {
    about: /^services-stub\//,
    may: [/^services-stub\//, /^participant\/index\.ts$/, PACKAGE, NODE],
    why: 'the services are what others would write, on the kit that others have',
  },
  {
    about: /^server\/engine\//,
    may: [
      /^server\/engine\//,
      /^machines\//,
      // What one side signs the other looks at.
      /^participant\/signature\.ts$/,
      JSON_ROOM,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'the engine is given its store, and tells nobody about HTTP',
  },
  {
    about: /^server\/identity\//,
    may: [/^server\/identity\//, SERVER_TOP, ENGINE_SHOWN, PACKAGE, NODE],
    why: 'who asks is known from the request and the settings alone',
  },
  {
    about: /^server\/limits\//,
    may: [/^server\/(limits|identity)\//, SERVER_TOP, ENGINE_SHOWN, PACKAGE, NODE],
    why: 'who may start how much is counted here, and what starts it is no business of it',
  },
  {
    about: /^server\/webhook\//,
    may: [
      /^server\/webhook\//,
      /^server\/service-settings\.ts$/,
      ENGINE_SHOWN,
      // What one side signs the other looks at.
      /^participant\/signature\.ts$/,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'it follows what the store tells, and knows neither pages nor routes',
  },
  {
    about: /^server\/bulk\//,
    may: [
      /^server\/bulk\//,
      /^server\/(at-once|proven)\.ts$/,
      ENGINE_SHOWN,
      /^machines\//,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'it asks the engine as an operator does, whoever it was asked by',
  },
  {
    about: /^server\/(routes|telemetry|dashboard)\//,
    may: [
      /^server\/(routes|telemetry|dashboard|identity|limits|bulk)\//,
      SERVER_TOP,
      ENGINE_SHOWN,
      JSON_ROOM,
      /^machines\//,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'they know the engine by its contract, and no concrete store',
  },
  {
    about: /^testing\//,
    may: [/^testing\//, /^machines\//, JSON_ROOM, PACKAGE, NODE],
    why: 'it drives the machine itself, without a coordinator',
  },
  {
    about: /^participant\//,
    may: [/^participant\//, NODE],
    why: 'services take it in that have no coordinator, and nothing else of it',
  },
  {
    about: /^client\//,
    may: [/^client\//, JSON_ROOM, PACKAGE, NODE],
    why: 'what it knows of a coordinator came over HTTP',
  },
  {
    about: /^cli\//,
    may: [
      /^cli\//,
      /^client\//,
      /^participant\/index\.ts$/,
      NODE_VERSION,
      /^stores\/redis\/(repartition|sealing-keys)-by-url\.ts$/,
      /^stores\/audit-verify\.ts$/,
      JSON_ROOM,
      NODE,
    ],
    why: 'it is a client, and a store is moved, and an audit verified, without anybody to be asked',
  },
  {
    about: /^server\/start\//,
    may: [
      /^server\/start\//,
      /^server\/(cast|config|example-order|identity-settings|outliving|saga-modules)\.ts$/,
      NODE_VERSION,
      PACKAGE,
      NODE,
    ],
    why: 'it starts processes, and is in none of them',
  },
  {
    about: /^server\/processes\//,
    may: [
      /^server\/processes\//,
      /^server\/(cast|config)\.ts$/,
      /^server\/start\/private-redis\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'a process runs a whole coordinator, and the others know nothing of what is in it',
  },
  {
    about: /^server\/embed\//,
    may: [
      /^server\/embed\//,
      /^server\/(assembly|config|open-store|patience|saga-modules)\.ts$/,
      /^server\/telemetry\/shown-error\.ts$/,
      /^client\//,
      /^machines\/define\.ts$/,
      /^stores\/saga-store\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'it says in another way what settings say, and asks by the client',
  },
  {
    about: /^server\/open-store\.ts$/,
    may: [
      /^stores\//,
      /^server\/(assembly|config|patience|tls-files)\.ts$/,
      ENGINE_SHOWN,
      /^server\/start\/private-redis\.ts$/,
      PACKAGE,
      NODE,
    ],
    why: 'it names concrete stores, and knows nothing of what is done with them',
  },
  {
    about: /^server\/(assembly|coordinator)\.ts$/,
    may: [
      /^server\/(?!(main|process)\.ts|start\/)/,
      JSON_ROOM,
      /^machines\//,
      /^stores\/saga-store\.ts$/,
      SEALING,
      PACKAGE,
      NODE,
    ],
    why: 'all parts meet there, and which store it is they are given',
  },
  {
    about: /^server\/(?!(assembly|coordinator|main|open-store|process)\.ts)[^/]+\.ts$/,
    may: [
      /^server\/(?!(assembly|coordinator|main|open-store|process)\.ts)[^/]+\.ts$/,
      /^server\/(routes|telemetry|dashboard|identity|bulk)\//,
      ENGINE_SHOWN,
      JSON_ROOM,
      /^machines\//,
      /^stores\/saga-store\.ts$/,
      SEALING,
      PACKAGE,
      NODE,
    ],
    why: 'parts do not know how they are put together',
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

/** Modules that import each other in a circle, one list for each circle: no part of one can be read, tested or moved alone. */
export function circles(modules: readonly Module[]): string[][] {
  const imports = new Map(modules.map((module) => [module.path, importsOf(module)]));
  const reached = new Map<string, Set<string>>();
  const reachedFrom = (start: string): Set<string> => {
    const found = new Set<string>();
    const open = [start];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      for (const next of imports.get(path) ?? []) {
        if (!imports.has(next) || found.has(next)) continue;
        found.add(next);
        open.push(next);
      }
    }
    return found;
  };
  for (const path of imports.keys()) reached.set(path, reachedFrom(path));
  const inCircle = [...imports.keys()].filter((path) => reached.get(path)?.has(path)).sort();
  const isTogether = (one: string, other: string) =>
    reached.get(one)?.has(other) === true && reached.get(other)?.has(one) === true;
  return inCircle
    .map((path) => inCircle.filter((other) => other === path || isTogether(path, other)))
    .filter((circle, index) => circle[0] === inCircle[index]);
}
