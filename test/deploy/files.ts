/** Reads the deployment files as the tools that they are for would read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');

export const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command: string | readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly networks: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export const compose: Compose = parse(read('docker-compose.yml'), { merge: true });

export const KUBERNETES = 'deploy/kubernetes';

export const kubernetesFiles = readdirSync(join(ROOT, KUBERNETES)).sort();

/** YAML 1.1, because kubectl reads that: there an unquoted `yes` is a boolean, and an argument no longer. */
function documents(file: string): unknown[] {
  return parseAllDocuments(read(`${KUBERNETES}/${file}`), { version: '1.1' }).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.toJS();
  });
}

export interface Kustomization {
  readonly namespace: string;
  readonly images: readonly { readonly name: string; readonly newTag: string }[];
  readonly resources: readonly string[];
}

export const kustomization = documents('kustomization.yaml')[0] as Kustomization;

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string };
}

export const objects = kubernetesFiles
  .filter((file) => file !== 'kustomization.yaml')
  .flatMap(documents)
  .flatMap((value) => {
    const list = value as KubernetesObject & { readonly items?: readonly KubernetesObject[] };
    return list.kind === 'List' ? (list.items ?? []) : [list];
  });

interface Instruction {
  readonly keyword: string;
  readonly text: string;
}

export interface Stage {
  readonly name: string | undefined;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

export const stages = parseStages(read('Dockerfile'));

/** Enough of the Dockerfile's grammar for ours: comments, continued lines, stages. */
function parseStages(text: string): Stage[] {
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const found: (Stage & { instructions: Instruction[] })[] = [];
  for (const line of lines) {
    const [, keyword = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    const [from = '', , name] = rest.split(/\s+/);
    if (keyword === 'FROM') found.push({ from, name, instructions: [] });
    else found.at(-1)?.instructions.push({ keyword, text: rest });
  }
  return found;
}

/** What a stage's image is made of, with everything that it inherits from the stages under it. */
export function layers(stage: Stage | undefined): readonly Instruction[] {
  if (stage === undefined) return [];
  return [...layers(stages.find(({ name }) => name === stage.from)), ...stage.instructions];
}

/** The image that is shipped: the texts of its instructions of one kind, oldest first. */
export const shipped = (keyword: string) =>
  layers(stages.at(-1))
    .filter((instruction) => instruction.keyword === keyword)
    .map(({ text }) => text);

/** `--a x --b y` as an object. */
export function flags(argv: readonly string[]): Record<string, string> {
  const pairs = argv.flatMap((word, at) => (word.startsWith('--') ? [[word, argv[at + 1] ?? '']] : []));
  return Object.fromEntries(pairs);
}

/** Every path and value in a parsed document, leaves only. */
export function leaves(
  value: unknown,
  path: readonly string[] = [],
): { path: readonly string[]; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ path, value }];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}
