/** The calls of one saga as a Mermaid sequence diagram: what was really called, as it happened, read from its log. */
import type { CallMeta, RegisteredMachine } from '../../machines/index.ts';
import { stepIn } from '../../machines/parts.ts';
import { callStates, leavesIn } from '../../machines/structure.ts';
import type { NumberedEntry } from '../../stores/saga-store.ts';
import type { SagaHistory } from '../engine/contract.ts';

const COORDINATOR = 'coordinator';
/** What an arrow of Mermaid says of an answer: a cross where the call did not do what it was for. */
const ARROWS = { done: '-->>', refused: '--x', retryable: '--x', unknown: '--x' } as const;

export function toSequence({ saga, log }: SagaHistory, machine: RegisteredMachine | undefined): string {
  const steps = new Map(machine?.steps.map((step) => [step.name, step]));
  const participants = new Map<string, string>();
  /** Participants have names of ours, because theirs may hold anything. */
  const nameOf = (address: string) => {
    const step = stepIn(address);
    const participant = steps.get(step)?.participant ?? step;
    const name = participants.get(participant) ?? `p${participants.size + 1}`;
    participants.set(participant, name);
    return name;
  };
  const pathOf = (address: string, kind: 'action' | 'compensation') => {
    const step = stepIn(address);
    const calls = steps.get(step)?.[kind];
    const path = calls !== undefined && 'path' in calls ? calls.path : kind;
    return address === step ? path : `${path} of ${decodeURIComponent(address.slice(step.length + 1))}`;
  };

  const lines = log.flatMap((entry) => {
    const { step, kind, outcome, attempt, event } = entry;
    // The calls that these lead to say it.
    if (event === 'started' || event === 'due') return [];
    if (step === null || kind === null || !isAnswer(outcome)) return [noteOf(entry)];
    const name = nameOf(step);
    const times = attempt === null || attempt === 1 ? '' : `, attempt ${attempt}`;
    const took = entry.duration_ms === null ? '' : ` after ${Math.round(entry.duration_ms)} ms`;
    const why = entry.error === null ? '' : `: ${entry.error}`;
    const again = entry.replayed ? ', from its ledger' : '';
    return [
      `${COORDINATOR}->>${name}: ${escaped(`${pathOf(step, kind)}${times}`)}`,
      `${name}${ARROWS[outcome]}${COORDINATOR}: ${escaped(`${outcome}${took}${again}${why}`)}`,
    ];
  });

  const calls = machine === undefined ? new Map<string, CallMeta>() : callStates(machine.machine);
  const announced = saga.status === 'STARTED' ? leavesIn(saga.summary.state) : [];
  const pending = announced.flatMap((leaf) => calls.get(leaf) ?? []);
  for (const { step, path } of pending) {
    const name = nameOf(step);
    lines.push(`${COORDINATOR}->>${name}: ${escaped(path)}`, `Note over ${name}: in flight`);
  }
  if (pending.length === 0)
    lines.push(`Note over ${COORDINATOR}: ${escaped(`${saga.status}, ${saga.summary.state}`)}`);
  const declared = [...participants].map(([name, id]) => `participant ${id} as ${escaped(name)}`);
  const all = [`participant ${COORDINATOR} as Coordinator`, ...declared, ...lines];
  return `sequenceDiagram\n${all.map((line) => `  ${line}\n`).join('')}`;
}

function noteOf({ event, by, reason, outcome, error }: NumberedEntry): string {
  const who = by === undefined ? '' : ` by ${by}: ${reason ?? ''}`;
  const rest = [outcome, error].filter((part) => part !== null).map((part) => `, ${part}`);
  return `Note over ${COORDINATOR}: ${escaped(`${event}${who}${rest.join('')}`)}`;
}

function isAnswer(outcome: string | null): outcome is keyof typeof ARROWS {
  return outcome !== null && Object.hasOwn(ARROWS, outcome);
}

/** Everything that could mean something to Mermaid, or to the HTML that it draws, as the code of its character. */
function escaped(text: string): string {
  const bounded = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text;
  return bounded
    .replace(/\s+/g, ' ')
    .replace(/[^\p{L}\p{N} .,/_()-]/gu, (char) => `#${char.codePointAt(0)};`);
}

const TEXT_MAX = 120;
