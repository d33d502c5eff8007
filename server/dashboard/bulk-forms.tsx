/** What an act on many sagas would come to, by what parks them, before anybody confirms it. */
import { BULK_MAX, type BulkAct } from '../bulk/bulk.ts';
import type { PreviewGroup } from '../bulk/preview.ts';
import type { SagaListing } from '../engine/contract.ts';
import { heldTogether, titleOf } from './causes.ts';
import { Confirm } from './forms.tsx';
import { type Frame, Message } from './page.tsx';
import { Badge, nameOf } from './parts.tsx';
import { stateWords } from './state-words.ts';
import { count, listOf } from './wording.ts';

/** What can be asked of many, as a form says it. */
export const BULK_ACTS = {
  retry: { act: { kind: 'retry' }, verb: 'Retry', isGrave: false },
  cancel: { act: { kind: 'cancel' }, verb: 'Cancel', isGrave: true },
  skip: { act: { kind: 'skip' }, verb: 'Skip a step of', isGrave: true },
  undone: { act: { kind: 'resolve', as: 'FAILED' }, verb: 'Resolve as undone', isGrave: true },
  completed: { act: { kind: 'resolve', as: 'COMPLETED' }, verb: 'Resolve as completed', isGrave: true },
} as const satisfies Record<string, { act: BulkAct; verb: string; isGrave: boolean }>;
export type BulkName = keyof typeof BULK_ACTS;

const EFFECTS: Readonly<Record<BulkName, string>> = {
  retry: 'What failed is called again, under the same idempotency keys.',
  cancel: 'The call in flight of each settles; then everything that was done is undone, last step first.',
  skip: 'The step counts as undone, and its service is not asked again. Do this once you have undone it by hand, or can do without.',
  undone:
    'The sagas end as undone. Nothing is called any more: what is still held stays so unless you undo it by hand.',
  completed:
    'The sagas end as completed. Nothing is called any more: make sure that everything is there that they were begun for.',
};
/** Sagas that are named; all of them are asked. */
const NAMED_MAX = 100;

/** `Skip undoing payment of 17 sagas`. */
export function titleOfBulk(name: BulkName, step: string | undefined, n: number): string {
  const verb = name === 'skip' && step !== undefined ? `Skip undoing ${step} of` : BULK_ACTS[name].verb;
  return `${verb} ${count(n, 'saga')}`;
}

export function nameOfAct({ kind, as }: BulkAct): BulkName {
  if (kind !== 'resolve') return kind;
  return as === 'COMPLETED' ? 'completed' : 'undone';
}

interface ConfirmBulkProps {
  readonly frame: Frame;
  readonly name: BulkName;
  readonly step: string | undefined;
  readonly sagas: readonly SagaListing[];
  readonly hasMore: boolean;
  readonly groups: readonly PreviewGroup[];
  /** Whether there is a service that can be asked what stands of the step. */
  readonly isAskable: boolean;
  readonly by: string;
  readonly isKnown: boolean;
}

export function ConfirmBulk(props: ConfirmBulkProps) {
  const { frame, name, step, sagas, hasMore, groups, isAskable, by, isKnown } = props;
  const { verb, isGrave } = BULK_ACTS[name];
  const label = sagas.length === 1 ? 'it' : `all ${sagas.length.toLocaleString('en')}`;
  return (
    <Confirm
      frame={frame}
      title={titleOfBulk(name, step, sagas.length)}
      action="/bulks"
      back="/sagas?status=ABORTED"
      label={`${verb.replace(/ a step of$/, '')} ${label}`}
      isGrave={isGrave}
      by={by}
      isKnown={isKnown}
    >
      <p>{EFFECTS[name]} Each saga is asked by itself; one that has moved on is left alone.</p>
      {hasMore && <p class="note">There are more: this takes the newest {BULK_MAX}.</p>}
      <section class="foreseen" id="foreseen" aria-label="What would happen">
        <h2>What would happen</h2>
        <p class="note">If every call succeeds. Nothing has been asked yet.</p>
        {groups.map((group) => (
          <Group group={group} isNamed={groups.some(({ machine }) => machine !== groups[0]?.machine)} />
        ))}
      </section>
      <input type="hidden" name="act" value={name} />
      {step !== undefined && <input type="hidden" name="step" value={step} />}
      {isAskable && (
        <label class="check">
          <input type="checkbox" name="with_proof" value="true" checked />
          Only where its service says that it is undone; the log and the audit then say what it answered
        </label>
      )}
      {sagas.length > 1 && (
        <label class="check">
          <input type="checkbox" name="canary" value="1" checked />
          One first, then ten, then the others; stop when one fails again
        </label>
      )}
      <details>
        <summary>Which sagas</summary>
        <ul class="chosen">
          {sagas.map((saga, index) => (
            <li hidden={index >= NAMED_MAX}>
              <input type="hidden" name="saga" value={`${saga.id} ${saga.seq}`} />
              <a href={`/sagas/${saga.id}`}>{nameOf(saga)}</a> {stateWords(saga.summary.state)}{' '}
              <Badge status={saga.status} />
            </li>
          ))}
        </ul>
        {sagas.length > NAMED_MAX && <p class="note">And {count(sagas.length - NAMED_MAX, 'saga')} more.</p>}
      </details>
    </Confirm>
  );
}

const ENDS: Readonly<Record<string, string>> = {
  ended: 'end',
  parked: 'are parked again',
  awaits: 'wait for an event',
  answer: 'depend on an answer',
  fault: 'fail by their own definition',
  cut: 'go on for long',
};

function Group({ group, isNamed }: { group: PreviewGroup; isNamed: boolean }) {
  const { machine, cause, n, sums, foreseen, impossible, calls, ends, left } = group;
  const held = heldTogether(sums);
  const rest = heldTogether(left);
  const all = Object.entries(ends).map(([end, many]) => `${many.toLocaleString('en')} ${ENDS[end] ?? end}`);
  return (
    <div class="group">
      <h3>
        {cause === null ? 'In flight' : titleOf(cause)}
        {isNamed && <small> in {machine}</small>} <span class="times">{n.toLocaleString('en')} ×</span>
      </h3>
      {cause !== null && cause.step !== null && <p class="error">{cause.error}</p>}
      {held !== '' && (
        <p>
          Held now: <strong>{held}</strong>
        </p>
      )}
      {foreseen < n && <p class="note">Looked at for {count(foreseen, 'saga')} of these:</p>}
      {impossible === foreseen ? null : calls.length === 0 ? (
        <p>Nothing is called.</p>
      ) : (
        <ul class="plain calls">
          {calls.map(({ step, kind, participant, n: many }) => (
            <li>
              {many.toLocaleString('en')} × {kind === 'compensation' ? `undo ${step}` : step}{' '}
              <small>{participant}</small>
            </li>
          ))}
        </ul>
      )}
      {all.length > 0 && <p>Then {listOf(all)}.</p>}
      {impossible > 0 && (
        <p>
          {count(impossible, 'saga')} cannot be asked for that as{' '}
          {impossible === 1 ? 'it stands' : 'they stand'}.
        </p>
      )}
      {rest !== '' && (
        <p>
          Still held then: <strong>{rest}</strong>
        </p>
      )}
    </div>
  );
}

interface ChooseStepProps {
  readonly frame: Frame;
  readonly sagas: readonly SagaListing[];
  /** Of the page for one of them. */
  readonly hrefOf: (step: string) => string;
}

/** Which step is skipped is one for all. */
export function ChooseStep({ frame, sagas, hrefOf }: ChooseStepProps) {
  const counts = new Map<string, number>();
  for (const { parked } of sagas)
    for (const { step } of parked?.held ?? []) counts.set(step, (counts.get(step) ?? 0) + 1);
  const steps = [...counts].filter(([step]) => step !== 'unknown' && step !== 'none');
  return (
    <Message frame={frame} title={steps.length === 0 ? 'Nothing to skip' : 'Which step is skipped?'}>
      {steps.length === 0 && <p>None of them is parked with a step that could not be undone.</p>}
      <ul class="plain">
        {steps.map(([step, n]) => (
          <li>
            <a href={hrefOf(step)}>Skip undoing {step}</a>, which {count(n, 'saga holds', 'sagas hold')}
          </li>
        ))}
      </ul>
    </Message>
  );
}
