/** One exchange before a connection that is told by hand when it has come. */
import type { Dispatcher } from 'undici';
import { expect, it } from 'vitest';
import { Cutoff } from '../../server/engine/cutoff.ts';
import { exchange } from '../../server/engine/exchange.ts';

it('a call that was given up while it connected is not sent when the connection comes', async () => {
  let handler: Dispatcher.DispatchHandler = {};
  const connection = {
    dispatch: (_: unknown, given: Dispatcher.DispatchHandler) => {
      handler = given;
      return true;
    },
  } as unknown as Dispatcher;
  const cutoff = new Cutoff();
  const late = new Error('its time is over');
  const request = { method: 'POST', path: '/', headers: [], body: '{}' } as const;
  const reply = exchange(connection, { ...request, headers: [] }, 100, cutoff);
  cutoff.cut(late);
  await expect(reply).rejects.toBe(late);
  const aborted: unknown[] = [];
  const controller = { abort: (reason: unknown) => aborted.push(reason) };
  handler.onRequestStart?.(controller as unknown as Dispatcher.DispatchController, {});
  expect(aborted).toEqual([late]);
});
