/** That a comparison takes constant time cannot be seen from outside: so it is watched which function makes it. */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { onTestFinished, vi } from 'vitest';

/** What is compared in constant time until the test ends, as pairs. */
export function comparisons(): readonly (readonly [given: Buffer, expected: Buffer])[] {
  const spy = vi.spyOn(crypto, 'timingSafeEqual');
  // Modules that import the function by its name see the spy, too.
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
  return spy.mock.calls as [Buffer, Buffer][];
}
