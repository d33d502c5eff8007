/** From the name of a saga's state to the parts of the picture in which it stands. */
import { stepIn } from '../../../machines/parts.ts';
import { leavesIn } from '../../../machines/structure.ts';
import type { NumberedEntry } from '../../../stores/saga-store.ts';
import type { Chart, ChartNode } from './chart.ts';

export interface Active {
  readonly node: ChartNode;
  /** The innermost state: `calling`, `waiting`, `pending`; empty where the part has none inside. */
  readonly inner: string;
}

/** The parts that a state is in: several where some are beside each other. Frames come with what is in them. */
export function activeIn({ nodes }: Chart, state: string): Active[] {
  const at = new Map(nodes.map((node) => [node.id, node]));
  const active = new Map<string, Active>();
  for (const leaf of leavesIn(state)) {
    const keys = leaf.split('.');
    // A frame stays as long as any of its regions goes on.
    for (let length = 1; length <= keys.length; length += 1) {
      const node = at.get(keys.slice(0, length).join('.'));
      if (node !== undefined) active.set(node.id, { node, inner: keys.slice(length).join('.') });
    }
  }
  return [...active.values()];
}

/** Those of them that call or wait: what a person is shown as the state. */
export function standingIn(chart: Chart, state: string): Active[] {
  return activeIn(chart, state).filter(({ node }) => node.kind !== 'frame');
}

/** The part that an entry of the log is about: the one whose call or wait it ended, or where it leads to. */
export function partOf(chart: Chart, { from, to, step }: NumberedEntry): ChartNode | undefined {
  const standing = standingIn(chart, from ?? to).map(({ node }) => node);
  const own = step === null ? undefined : standing.find((node) => node.step === stepIn(step));
  return own ?? standing[0];
}
