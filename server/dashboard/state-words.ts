/** How the pages say in which state a saga is. */
import { leavesIn } from '../../machines/structure.ts';
import { listOf, words } from './wording.ts';

/** What a saga is at, by its state: `reservingInventory.calling`, or several beside each other. */
export function stateWords(state: string): string {
  const leaves = leavesIn(state).map((leaf) =>
    leaf.replace(/\.(calling|waiting|pending|fetching|refused)$/, ''),
  );
  // A branch that has come to its end is at nothing any more.
  const going = leaves.filter((leaf) => !/\.(done|stopped|undone)$/.test(leaf));
  const said = going.map((leaf) => words(leaf.slice(leaf.lastIndexOf('.') + 1)));
  const [first = words(state), ...others] = said;
  return listOf([first, ...others.map((other) => other.charAt(0).toLowerCase() + other.slice(1))]);
}

/** Whether a call waits for its next attempt. */
export function isWaiting(state: string): boolean {
  return leavesIn(state).some((leaf) => leaf.endsWith('.waiting'));
}
