/** What watching the event loop costs a process that has nothing else to do. */
import hooks from 'node:perf_hooks';
import { expect, it, vi } from 'vitest';
import { createRegistry } from '../../server/telemetry/metrics.ts';

it('looks at the event loop fifty times a second at most', () => {
  const monitor = vi.spyOn(hooks, 'monitorEventLoopDelay');
  createRegistry();
  const [[asked]] = monitor.mock.calls as [[{ resolution: number }]];
  expect(monitor).toHaveBeenCalledOnce();
  expect(asked.resolution).toBeGreaterThanOrEqual(20);
});
