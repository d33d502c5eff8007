/** What of all that a saga asks for is meant: the only call, the only wait, the call to which an event is addressed. */
import { expect, it } from 'vitest';
import {
  type Activity,
  type Asks,
  activitiesIn,
  type Call,
  callTo,
  hasCall,
  onlyCall,
  onlyWait,
} from '../../machines/index.ts';

const call = (step: string, to?: string): Activity => ({
  kind: 'call',
  name: `action ${step}`,
  address: step,
  attempt: 1,
  call: { step } as Call,
  ...(to === undefined ? {} : { to }),
});
const wait: Activity = { kind: 'wait', name: 'wait nap', until: 1 };
const event: Activity = { kind: 'expect', name: 'event word', event: 'word', attempt: 0, until: 1 };
const of = (...activities: Activity[]): Asks => ({ kind: 'activities', activities });
const nothing: Asks[] = [{ kind: 'nothing', succeeded: true }, { kind: 'operator' }];

it('is the only one of its kind, beside which there is nothing else', () => {
  expect([onlyCall(of(call('a'))), onlyWait(of(wait))]).toEqual([{ step: 'a' }, wait]);
  for (const asks of [of(wait), of(event), of(call('a'), wait), of(call('a'), call('b')), of(), ...nothing])
    expect(onlyCall(asks)).toBeNull();
  for (const asks of [of(call('a')), of(event), of(wait, call('a')), of(wait, wait), of(), ...nothing])
    expect(onlyWait(asks)).toBeNull();
});

it('is a call wherever it stands', () => {
  expect([of(call('a')), of(wait, event, call('a'))].map(hasCall)).toEqual([true, true]);
  expect([of(wait, event), of(), ...nothing].map(hasCall)).toEqual([false, false, false, false]);
  expect(activitiesIn({ kind: 'operator' })).toEqual([]);
});

it('is whose call an event names, or the one that needs no name', () => {
  const beside = of({ ...wait, to: 'b' }, call('a', 'a'), call('b', 'b'));
  expect(callTo(beside, 'b')).toEqual({ step: 'b' });
  expect([callTo(beside, 'c'), callTo(beside, undefined)]).toEqual([null, null]);
  expect(callTo(of(call('a')), undefined)).toEqual({ step: 'a' });
  for (const asks of nothing) expect(callTo(asks, undefined)).toBeNull();
});
