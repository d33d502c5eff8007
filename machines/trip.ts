/**
 * A trip: flight and hotel side by side, an insurance for each traveller, a visa where one is needed, a person's approval, then
 * the payment, behind which nothing is undone any more.
 */
import { z } from 'zod';
import { defineSaga } from './define.ts';

const id = z.string().min(1).max(200);

export const trip = defineSaga({
  id: 'trip',
  version: '1',
  input: z.strictObject({
    trip: id,
    traveller: z.strictObject({ name: id, passport: id }),
    from: id,
    to: id,
    visa: z.boolean(),
    insured: z.array(z.strictObject({ name: id })).max(20),
    card: id,
  }),
  label: 'trip',
  secrets: ['card', 'traveller.passport'],
  deadline: '30 days',
})
  .parallel('booking', {
    flight: (b) =>
      b.step('flight', {
        at: 'airline',
        action: {
          state: 'bookingFlight',
          path: '/api/flights/book',
          request: ({ from, to, traveller }) => ({ from, to, name: traveller.name }),
          answer: z.looseObject({ booking: id, price: z.int() }),
          gains: ({ booking, price }) => ({ flight: booking, fare: price }),
        },
        undo: { state: 'cancellingFlight', path: '/api/flights/cancel' },
        ask: { path: '/api/stands' },
        held: (_, { booking }) => `flight ${booking} is booked`,
      }),
    hotel: (b) =>
      b.step('hotel', {
        at: 'hotel',
        action: {
          state: 'reservingRoom',
          path: '/api/rooms/reserve',
          request: ({ to, traveller }) => ({ city: to, name: traveller.name }),
          answer: z.looseObject({ room: id }),
          gains: ({ room }) => ({ room }),
        },
        undo: { state: 'releasingRoom', path: '/api/rooms/release' },
        ask: { path: '/api/stands' },
        held: (_, { room }) => `room ${room} is reserved`,
      }),
  })
  .forEach('insurance', ({ insured }) => insured, {
    key: ({ name }) => name,
    at: 'insurer',
    action: {
      state: 'insuringTravellers',
      path: '/api/policies/issue',
      request: ({ item, trip }) => ({ name: item.name, trip }),
      answer: z.looseObject({ policy: id }),
    },
    undo: { state: 'voidingInsurances', path: '/api/policies/void' },
    ask: { path: '/api/stands' },
    gains: (answers) => ({ policies: answers.map(({ policy }) => policy) }),
    held: ({ item }, { policy }) => `${item.name} is insured by ${policy}`,
  })
  .when(
    'visa',
    ({ visa }) => visa,
    (b) =>
      b.step('visa', {
        at: 'embassy',
        asynchronous: { within: '14 days' },
        action: {
          state: 'applyingForVisa',
          path: '/api/visas/apply',
          request: ({ traveller }) => ({ passport: traveller.passport }),
          answer: z.looseObject({ visa_no: id }),
          gains: ({ visa_no }) => ({ visa_no }),
        },
        undo: { state: 'keepingVisa', none: 'an embassy does not pay back its fee' },
        held: (_, { visa_no }) => `visa ${visa_no} is paid for`,
      }),
  )
  .waitFor('approval', {
    within: '3 days',
    data: z.strictObject({ by: id, approved: z.boolean() }),
    refuses: ({ approved, by }) => (approved ? null : `refused by ${by}`),
    gains: ({ by }) => ({ approved_by: by }),
    late: 'undo',
  })
  .pivot('payment', {
    at: 'bank',
    action: {
      state: 'chargingCard',
      path: '/api/charges/make',
      request: ({ fare, card, policies }) => ({ amount: fare + 500 * policies.length, card }),
      answer: z.looseObject({ charge: id }),
      gains: ({ charge }) => ({ charge }),
    },
  })
  .step('tickets', {
    at: 'airline',
    action: {
      state: 'issuingTickets',
      path: '/api/tickets/issue',
      request: ({ flight, charge, visa_no }) => ({ flight, charge, visa_no: visa_no ?? null }),
      answer: z.looseObject({ tickets: z.array(id) }),
      gains: ({ tickets }) => ({ tickets }),
    },
  });
