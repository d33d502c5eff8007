/** A machine as others draw it: XState config for Stately Studio, and Mermaid. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { CallMeta, WaitMeta } from './saga.ts';
import { leavesIn, nodeName, statesIn, transitionsOf } from './structure.ts';

/** The machine's config as JSON; Stately Studio and the inspector read it. Functions are named, not carried. */
export function toConfig(machine: AnyStateMachine): string {
  return JSON.stringify(machine.config, null, 2);
}

/** A `stateDiagram-v2`, with the states marked in which a saga is whose state has the given name. */
export function toMermaid(machine: AnyStateMachine, current?: string): string {
  const [first] = machine.root.initial.target;
  const tops = Object.values(machine.root.states);
  const lines = ['stateDiagram-v2', ...(first ? [`  [*] --> ${idOf(first)}`] : [])];
  for (const node of tops) lines.push(...stateLines(node, '  '));
  for (const node of tops) lines.push(...leavingLines(node));
  for (const node of statesIn(machine)) lines.push(...noteLines(node));
  const active = new Set(current === undefined ? [] : leavesIn(current));
  const marked = statesIn(machine).filter((node) => active.has(nodeName(node)));
  if (marked.length > 0) {
    lines.push('  classDef current fill:#ffd54f,stroke:#e65100,stroke-width:3px,color:#000');
    for (const node of marked) lines.push(`  class ${idOf(node)} current`);
  }
  return `${lines.join('\n')}\n`;
}

/** A state with the states inside it, and the transitions that stay inside. */
function stateLines(node: AnyStateNode, indent: string): string[] {
  const children = Object.values(node.states);
  if (isChoice(node)) return [`${indent}state ${idOf(node)} <<choice>>`];
  if (children.length === 0) return [`${indent}${idOf(node)} : ${node.key}`];
  const first = node.initial.target[0];
  const inside = children.map((child) => stateLines(child, `${indent}  `));
  // Regions that are active beside each other have a line between them.
  const beside = inside.flatMap((lines, index) => (index === 0 ? lines : [`${indent}  --`, ...lines]));
  return [
    `${indent}state "${node.key}" as ${idOf(node)} {`,
    ...(first ? [`${indent}  [*] --> ${idOf(first)}`] : []),
    ...(node.type === 'parallel' ? beside : inside.flat()),
    ...below(node)
      .flatMap(arrowsOf)
      .filter((arrow) => placeOf(arrow) === node)
      .map((arrow) => `${indent}  ${lineOf(arrow)}`),
    `${indent}}`,
  ];
}

/** The transitions that leave a top-level state, and the end of the picture where it is final. */
function leavingLines(top: AnyStateNode): string[] {
  const leaving = [top, ...below(top)].flatMap(arrowsOf).filter((arrow) => placeOf(arrow) === top.parent);
  const ends = top.type === 'final' ? [`  ${idOf(top)} --> [*]`] : [];
  return [...leaving.map((arrow) => `  ${lineOf(arrow)}`), ...ends];
}

function below(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...below(child)]);
}

/** The innermost state in which both ends of an arrow are: Mermaid finds no states across. No arrow leaves the root. */
function placeOf({ source, target }: Arrow): AnyStateNode {
  let place = source.parent as AnyStateNode;
  while (place.parent !== undefined && !isWithin(target, place)) place = place.parent;
  return place;
}

function isWithin({ parent }: AnyStateNode, place: AnyStateNode): boolean {
  return parent !== undefined && (parent === place || isWithin(parent, place));
}

/** Entered and left at once, for one of several. */
function isChoice(node: AnyStateNode): boolean {
  const targets = new Set((node.always ?? []).map(({ target }) => target?.[0]));
  return node.transitions.size === 0 && Object.keys(node.states).length === 0 && targets.size > 1;
}

/** What a box does not say by itself. */
function noteLines(node: AnyStateNode): string[] {
  const { event, wait } = (node.meta ?? {}) as Partial<WaitMeta>;
  if (node.tags.includes('pivot'))
    return [`  note right of ${idOf(node)} : pivot, from here on nothing is undone`];
  if (event !== undefined) return [`  note right of ${idOf(node)} : waits for the event ${event}`];
  if (wait !== undefined) return [`  note right of ${idOf(node)} : waits for its time`];
  if ((node.meta as Partial<CallMeta> | undefined)?.each)
    return [`  note right of ${idOf(node)} : one call for each item`];
  return [];
}

interface Arrow {
  readonly source: AnyStateNode;
  readonly target: AnyStateNode;
  readonly label: string;
}

/** One arrow for all events of a state that share target and guard. */
function arrowsOf(source: AnyStateNode): Arrow[] {
  const arrows = new Map<string, { target: AnyStateNode; guard: string; events: string[] }>();
  for (const { eventType, guard, target: targets } of transitionsOf(source)) {
    const [target] = targets ?? [];
    if (target === undefined) continue;
    const condition = conditionOf(guard) ?? (isChoice(source) ? ' [else]' : '');
    const key = `${idOf(target)}${condition}`;
    const arrow = arrows.get(key) ?? { target, guard: condition, events: [] };
    arrows.set(key, arrow);
    if (eventType !== '') arrow.events.push(eventType.startsWith('xstate.done.') ? 'all done' : eventType);
  }
  return [...arrows.values()].map(({ target, guard, events }) => ({
    source,
    target,
    label: `${events.join(', ')}${guard}`.trim(),
  }));
}

/** A guard as UML writes it: what a condition of the saga is about, or its name. */
function conditionOf(guard: unknown): string | null {
  const { type, params } = (typeof guard === 'object' && guard !== null ? guard : { type: guard }) as {
    readonly type: unknown;
    readonly params?: { readonly part?: string };
  };
  if (type === 'chosen' && params?.part !== undefined) return ` [${params.part}]`;
  return typeof type === 'string' ? ` [${type}]` : null;
}

function lineOf({ source, target, label }: Arrow): string {
  return `${idOf(source)} --> ${idOf(target)}${label === '' ? '' : ` : ${label}`}`;
}

function idOf(node: AnyStateNode): string {
  return nodeName(node).replaceAll('.', '_');
}
