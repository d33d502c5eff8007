/** A saga that has everything, with names that have room nowhere. */
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';

const REASON = 'it is a reason of many words, which say at length why this of all things can never be undone';

const call = (name: string) => ({
  at: 'warehouse',
  action: {
    state: `reserving${name}`,
    path: `/api/v1/international/warehouse/reservations/${name}`,
    request: () => ({}),
    answer: z.looseObject({}),
  },
});

const step = (name: string) => ({
  ...call(name),
  undo: { state: `releasing${name}`, path: `/api/v1/international/warehouse/reservations/${name}/release` },
});

export const longSaga = defineSaga({
  id: 'long',
  version: '1',
  input: z.strictObject({ a: z.boolean(), list: z.array(z.string()) }),
})
  .step('first', step('W'.repeat(60)))
  .when(
    'isInternationalDeliveryWithCustomsDeclarationAndMore',
    ({ a }) => a,
    (b) =>
      b
        .step('many', step('TheInternationalWarehouseAndItsManyShelvesOfThings'))
        .parallel('allThatIsBesideEachOtherInTwoLongBranches', {
          theFirstOfTheBranchesWithItsVeryLongNameThatGoesOn: (c) =>
            c
              .step('x', step('XX'))
              .when(
                'inner',
                ({ a }) => a,
                (d) => d.step('y', step('Yyy')),
                (d) => d.step('y2', step('Yyy2')),
              )
              .step('zz', step('Zz')),
          second: (c) =>
            c.parallel('nested', {
              one: (d) => d.step('n1', step('N1')),
              two: (d) => d.sleep('aWhile', '3 days').step('n2', { ...call('N2'), undo: { none: REASON } }),
            }),
        }),
    (b) =>
      b.step('other', step('Other')).waitFor('theApprovalOfThePersonInChargeOfEverythingThere', {
        within: '20 days',
        data: z.looseObject({}),
        late: 'undo',
      }),
  )
  .forEach('all', ({ list }) => list, { key: (item) => item, ...step('EveryOneOfThem') })
  .pivot('pay', call('TheMoney'))
  .when(
    'late',
    ({ a }) => a,
    (b) => b.step('afterwards', call('WhatIsLeft')),
  );
