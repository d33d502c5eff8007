import { expect, it } from 'vitest';
import { trip } from '../../machines/trip.ts';
import { accepted, busy, done, lost, refused, run, SagaFault, unreached } from '../../testing/index.ts';
import { asksAnew, booking, readsTooEarly } from './booking.ts';

const APPROVED = { events: { approval: { by: 'eve', ok: true } } };
const input = { to: 'Lisbon' };
const TRIP = {
  trip: 't-1',
  traveller: { name: 'ada', passport: 'p-1' },
  from: 'PRG',
  to: 'LIS',
  visa: true,
  insured: [{ name: 'ada' }, { name: 'bob' }],
  card: 'card-1',
};

it('runs to its end where nothing is said, with answers that the schemas allow', async () => {
  expect(await run(booking, input, {}, APPROVED)).toMatchObject({
    status: 'COMPLETED',
    error: null,
    data: { to: 'Lisbon', flight: 'booking', fare: 1, charge: 'charge' },
    calls: ['flight', 'payment', 'parcel'],
    stands: ['flight', 'payment', 'parcel'],
    held: [],
    log: ['flight is done', 'approval comes', 'payment is done', 'parcel is done'],
  });
});

it('plays what participants do, one reply after the other', async () => {
  const end = await run(booking, input, { payment: [busy(), unreached(), refused('no funds')] }, APPROVED);
  expect(end).toMatchObject({
    status: 'FAILED',
    error: 'no funds',
    calls: ['flight', 'payment', 'payment', 'payment', 'undo payment', 'undo flight'],
    did: ['flight'],
    stands: [],
  });
});

it('says what is held where an undo fails for good', async () => {
  const script = { payment: refused('no funds'), 'undo flight': refused('it has left') };
  expect(await run(booking, input, script, APPROVED)).toMatchObject({
    status: 'ABORTED',
    parked: 'compensation-incomplete',
    stands: ['flight'],
    held: [{ step: 'flight', reason: 'it has left' }],
  });
});

it('skips the time that nobody needs: an event that does not come, back-offs', async () => {
  const end = await run(booking, input);
  expect(end).toMatchObject({ status: 'FAILED', calls: ['flight', 'undo flight'], tookMs: 3 * 86_400_000 });
  expect(end.log).toContain('3 days pass');
});

it('lets a participant lose its answer, and keep what it did', async () => {
  const end = await run(booking, input, { payment: lost() }, APPROVED);
  expect(end).toMatchObject({ status: 'COMPLETED', calls: ['flight', 'payment', 'payment', 'parcel'] });
  expect(end.did).toEqual(['flight', 'payment', 'parcel']);
});

it('kills the coordinator during a call, and another carries on', async () => {
  const end = await run(booking, input, {}, { ...APPROVED, killedDuring: 'payment' });
  expect(end).toMatchObject({ status: 'COMPLETED', calls: ['flight', 'payment', 'payment', 'parcel'] });
  expect(end.log).toContain('the coordinator is killed during payment');
});

it('plays branches, items, a choice, and a participant that says later what came of it', async () => {
  const events = { approval: { by: 'eve', approved: true } };
  const late = { visa: [accepted(), done({ visa_no: 'v-9' })] };
  const end = await run(trip, TRIP, late, { events });
  expect(end).toMatchObject({ status: 'COMPLETED', data: { visa_no: 'v-9' } });
  expect(end.calls).toEqual([
    'flight',
    'hotel',
    'insurance/ada',
    'insurance/bob',
    'visa',
    'payment',
    'tickets',
  ]);

  // An embassy that never says what came of it may have granted the visa: that is told.
  const silent = await run(trip, TRIP, { visa: accepted() }, { events });
  expect(silent).toMatchObject({ status: 'ABORTED', stands: [], held: [{ step: 'visa' }] });
  const broken = await run(trip, TRIP, { 'insurance/bob': refused('too old') }, { events });
  expect(broken).toMatchObject({ status: 'FAILED', error: 'insurance/bob: too old', stands: [] });
  expect(broken.did).toEqual(['flight', 'hotel', 'insurance/ada']);
  const stuck = await run(trip, TRIP, { tickets: refused('sold out') }, { events });
  expect(stuck).toMatchObject({ status: 'ABORTED', parked: 'step-refused', held: [{ step: 'tickets' }] });
});

it('notices what no saga may do', async () => {
  await expect(run(readsTooEarly, input)).rejects.toThrow(
    new SagaFault('payment reads what is not there: amount of its request is undefined'),
  );
  await expect(run(asksAnew, input, { flight: unreached() })).rejects.toThrow(
    /flight is repeated with another request, under the same key/,
  );
});

it('refuses a script about what the saga does not have, and answers that no participant gives', async () => {
  await expect(run(booking, input, { flights: refused() })).rejects.toThrow(
    'the saga has no step flights; it has flight, payment, parcel',
  );
  await expect(run(booking, input, {}, { events: { aproval: {} } })).rejects.toThrow(
    'the saga has no event aproval; it has approval',
  );
  await expect(run(booking, input, {}, { killedDuring: 'undo hotel' })).rejects.toThrow('no step hotel');
  await expect(run(booking, input, { flight: done({ booking: 'b-1' }) })).rejects.toThrow(
    /the answer that the test gives of flight/,
  );
  await expect(run(booking, { to: '' })).rejects.toThrow(/Too small/);
});
