/**
 * What the package promises, read from its built declarations: each door with the names that it exports, as tsc wrote them,
 * and the types that these mention. docs/api.md is this, so a change of it is seen where it is made.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** How users import each door, and where its declarations are below dist/. */
export const DOORS = {
  'saga-coordinator': 'index',
  'saga-coordinator/client': 'client/index',
  'saga-coordinator/participant': 'participant/index',
  'saga-coordinator/testing': 'testing/index',
} as const;

/** Made of openapi.json, and held against it elsewhere. */
const GENERATED = 'client/schema';

interface Declaration {
  readonly module: string;
  readonly name: string;
  readonly text: string;
}

interface Module {
  readonly declared: ReadonlyMap<string, Declaration>;
  /** Local name to where it comes from, by its name there; relative imports and re-exports alone. */
  readonly imported: ReadonlyMap<string, { readonly module: string; readonly name: string }>;
  /** What it exports, by the name outside. */
  readonly exported: ReadonlyMap<string, { readonly module: string; readonly name: string }>;
}

/** @param read gives the text of a module's declarations by its path without extension */
export function apiReport(read: (module: string) => string): string {
  const modules = new Map<string, Module>();
  const moduleOf = (path: string): Module => {
    const known = modules.get(path) ?? parsed(path, read(path));
    modules.set(path, known);
    return known;
  };
  const doors = Object.entries(DOORS).map(([door, path]) => ({
    door,
    found: [...moduleOf(path).exported]
      .sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
      .map(([name, from]) => ({ name, declaration: declarationOf(from, moduleOf) })),
  }));
  const shown = new Set(doors.flatMap(({ found }) => found.map(({ declaration }) => keyOf(declaration))));
  const mentioned: Declaration[] = [];
  const open = doors.flatMap(({ found }) => found.map(({ declaration }) => declaration));
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    for (const one of mentions(next, moduleOf)) {
      if (shown.has(keyOf(one)) || one.module === GENERATED) continue;
      shown.add(keyOf(one));
      mentioned.push(one);
      open.push(one);
    }
  }
  const block = (declarations: readonly Declaration[]) =>
    `\`\`\`\`ts\n${declarations.map(({ text }) => text).join('\n\n')}\n\`\`\`\`\n`;
  return [
    '# What the package exports\n',
    'Made of the built declarations by `npm run api`; `npm run package` fails where it is not so any more. A change here is one that users',
    'notice: it belongs into [CHANGELOG.md](../CHANGELOG.md).\n',
    ...doors.map(({ door, found }) =>
      [
        `## ${door}\n`,
        `${found.map(({ name }) => `\`${name}\``).join(', ')}\n`,
        block([...new Map(found.map(({ declaration }) => [keyOf(declaration), declaration])).values()]),
      ].join('\n'),
    ),
    '## What these mention\n',
    'Not to be imported, and still a part of what they promise. `components` are the schemas of openapi.json (client/schema.ts).\n',
    block(mentioned.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))),
  ].join('\n');
}

/** The names of each door, as its source says. */
export function namesIn(source: string): string[] {
  return [...parsed('', source).exported.keys()].sort();
}

const keyOf = ({ module, name }: { readonly module: string; readonly name: string }) => `${module} ${name}`;

function declarationOf(
  from: { readonly module: string; readonly name: string },
  moduleOf: (path: string) => Module,
): Declaration {
  const module = moduleOf(from.module);
  const own = module.declared.get(from.name);
  if (own !== undefined) return own;
  const further = module.exported.get(from.name) ?? module.imported.get(from.name);
  if (further === undefined) throw new Error(`${from.module} declares no ${from.name}`);
  return declarationOf(further, moduleOf);
}

function mentions({ module, name, text }: Declaration, moduleOf: (path: string) => Module): Declaration[] {
  const { declared, imported } = moduleOf(module);
  const words = new Set(withoutComments(text).match(/\b[A-Za-z_]\w*\b/g));
  return [...words].flatMap((word) => {
    if (word === name) return [];
    const from = declared.has(word) ? { module, name: word } : imported.get(word);
    return from === undefined ? [] : [declarationOf(from, moduleOf)];
  });
}

function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, '').replace(/\/\/.*$/gm, '');
}

const DECLARED =
  /^(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:class|function|const|let|interface|type|enum) (\w+)/;

function parsed(path: string, text: string): Module {
  const declared = new Map<string, Declaration>();
  const imported = new Map<string, { module: string; name: string }>();
  const exported = new Map<string, { module: string; name: string }>();
  for (const { comment, code } of statementsIn(text)) {
    const [, name] = DECLARED.exec(code) ?? [];
    if (name !== undefined) {
      const promise = code.replace(/^export (?:declare )?/, '').replace(/\n {4}#private;/, '');
      declared.set(name, { module: path, name, text: comment === '' ? promise : `${comment}\n${promise}` });
      if (code.startsWith('export ')) exported.set(name, { module: path, name });
      continue;
    }
    const [, way, names, from] =
      /^(import|export)(?: type)? \{([^}]*)\} from ['"](\.[^'"]*)['"]/s.exec(code) ?? [];
    if (names === undefined || from === undefined) continue;
    const module = posix.join(posix.dirname(path), from).replace(/\.[jt]s$/, '');
    for (const one of names.split(',').map((item) => item.trim().replace(/^type /, ''))) {
      if (one === '') continue;
      const [there = '', here = there] = one.split(' as ');
      (way === 'import' ? imported : exported).set(here, { module, name: there });
    }
  }
  return { declared, imported, exported };
}

/** Statements of the outermost level, each with the comment right before it. */
function statementsIn(text: string): { comment: string; code: string }[] {
  const statements: { comment: string; code: string }[] = [];
  let comment: string[] = [];
  let code: string[] = [];
  let isComment = false;
  let depth = 0;
  for (const line of text.split('\n')) {
    if (code.length === 0 && line.startsWith('/**')) {
      comment = [];
      isComment = true;
    }
    if (isComment) {
      comment.push(line);
      if (line.includes('*/')) isComment = false;
      continue;
    }
    if (code.length === 0 && line.trim() === '') {
      comment = [];
      continue;
    }
    code.push(line);
    if (/^\s*(\/?\*)/.test(line)) continue;
    const bare = line
      .replace(/(['"`]).*?\1/g, '')
      .replace(/\/\/.*$/, '')
      .replace(/\/\*.*?\*\//g, '');
    depth += (bare.match(/[{([]/g) ?? []).length - (bare.match(/[})\]]/g) ?? []).length;
    if (depth > 0 || !/[;}]\s*$/.test(bare)) continue;
    statements.push({ comment: comment.join('\n'), code: code.join('\n') });
    comment = [];
    code = [];
    depth = 0;
  }
  return statements;
}

/** From a build. */
export function builtReport(root: string): string {
  return apiReport((module) => readFileSync(posix.join(root, 'dist', `${module}.d.ts`), 'utf8'));
}
