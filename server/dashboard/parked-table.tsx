/** Parked sagas, with what a person must know of each to choose: what it holds, why that was not undone, how often it was tried again. */
import { isParkedByMachine } from '../../stores/saga-store.ts';
import type { SagaListing } from '../engine/contract.ts';
import { Ago, nameOf, PickAll, PickOne, type SagaRowsProps } from './parts.tsx';
import { words } from './wording.ts';

/** Effects that a row names; more are counted. */
const NAMED_MAX = 3;

export function ParkedTable({ sagas, now, form }: SagaRowsProps) {
  return (
    <table class="sagas parked">
      <thead>
        <tr>
          {form !== undefined && <PickAll />}
          <th scope="col">Saga</th>
          <th scope="col">Held</th>
          <th scope="col">Why</th>
          <th scope="col" class="number">
            Tried again
          </th>
          <th scope="col" class="number">
            Last change
          </th>
        </tr>
      </thead>
      <tbody>
        {sagas.map((saga) => (
          <tr id={`saga-${saga.id}`} data-row>
            {form !== undefined && <PickOne saga={saga} form={form} />}
            <th scope="row">
              <a href={`/sagas/${saga.id}`}>{nameOf(saga)}</a>
              <small class="id">{saga.id}</small>
            </th>
            <td>
              <Held saga={saga} />
            </td>
            <td class="why">
              <Why saga={saga} />
            </td>
            <td class="number">{timesIn(saga)}</td>
            <td class="number">
              <Ago ms={saga.updatedAtMs} now={now} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Held({ saga: { parked } }: { saga: SagaListing }) {
  const held = parked?.held ?? [];
  const more = held.length - NAMED_MAX;
  return (
    <>
      {held.slice(0, NAMED_MAX).map(({ step, says, reason }) => (
        <div>{says ?? (step === 'unknown' ? reason : `The effect of ${step}`)}</div>
      ))}
      {more > 0 && <small>and {more.toLocaleString('en')} more</small>}
    </>
  );
}

/** The error of the undo, or why the coordinator gave it up. */
function Why({ saga: { parked, unreadable } }: { saga: SagaListing }) {
  if (parked === null || unreadable !== null) return <>cannot be read</>;
  if (!isParkedByMachine(parked)) return <>{words(parked.reason)}</>;
  return <>{[...new Set(parked.held.map(({ reason }) => reason))].slice(0, NAMED_MAX).join('; ')}</>;
}

/** How often it was taken up again and parked once more; of one that an older release has parked nobody has counted. */
function timesIn({ parkings }: SagaListing): string {
  return parkings === undefined ? '–' : (parkings - 1).toLocaleString('en');
}
