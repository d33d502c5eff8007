/** A machine as others draw it: XState config for Stately Studio, and Mermaid. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { nodeName, statesIn, transitionsOf } from './structure.ts';

/** The machine's config as JSON; Stately Studio and the inspector read it. Functions are named, not carried. */
export function toConfig(machine: AnyStateMachine): string {
  return JSON.stringify(machine.config, null, 2);
}

/** A `stateDiagram-v2`, with one state marked where it is given. */
export function toMermaid(machine: AnyStateMachine, current?: string): string {
  const [first] = machine.root.initial.target;
  const lines = ['stateDiagram-v2', ...(first ? [`  [*] --> ${idOf(first)}`] : [])];
  for (const node of Object.values(machine.root.states)) lines.push(...stateLines(node, '  '));
  for (const node of Object.values(machine.root.states)) lines.push(...leavingLines(node));
  const marked = statesIn(machine).find((node) => nodeName(node) === current);
  if (marked !== undefined) {
    lines.push('  classDef current fill:#ffd54f,stroke:#e65100,stroke-width:3px,color:#000');
    lines.push(`  class ${idOf(marked)} current`);
  }
  return `${lines.join('\n')}\n`;
}

/** A state with the states inside it, and the transitions that stay inside. */
function stateLines(node: AnyStateNode, indent: string): string[] {
  const children = Object.values(node.states);
  if (children.length === 0) return [`${indent}${idOf(node)} : ${node.key}`];
  const first = node.initial?.target[0];
  return [
    `${indent}state "${node.key}" as ${idOf(node)} {`,
    ...(first ? [`${indent}  [*] --> ${idOf(first)}`] : []),
    ...children.flatMap((child) => stateLines(child, `${indent}  `)),
    ...children.flatMap((child) =>
      arrowsOf(child)
        .filter(({ target }) => target.parent === node)
        .map((arrow) => `${indent}  ${lineOf(arrow)}`),
    ),
    `${indent}}`,
  ];
}

/** The transitions that leave a top-level state, and the end of the picture where it is final. */
function leavingLines(top: AnyStateNode): string[] {
  const inside = [top, ...Object.values(top.states)];
  const leaving = inside.flatMap(arrowsOf).filter(({ target }) => !inside.includes(target));
  const ends = top.type === 'final' ? [`  ${idOf(top)} --> [*]`] : [];
  return [...leaving.map((arrow) => `  ${lineOf(arrow)}`), ...ends];
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
    const named = typeof guard === 'object' && guard !== null ? (guard as { type: string }).type : guard;
    const condition = typeof named === 'string' ? ` [${named}]` : '';
    const key = `${idOf(target)}${condition}`;
    const arrow = arrows.get(key) ?? { target, guard: condition, events: [] };
    arrows.set(key, arrow);
    if (eventType !== '') arrow.events.push(eventType);
  }
  return [...arrows.values()].map(({ target, guard, events }) => ({
    source,
    target,
    label: `${events.join(', ')}${guard}`.trim(),
  }));
}

function lineOf({ source, target, label }: Arrow): string {
  return `${idOf(source)} --> ${idOf(target)}${label === '' ? '' : ` : ${label}`}`;
}

function idOf(node: AnyStateNode): string {
  return nodeName(node).replaceAll('.', '_');
}
