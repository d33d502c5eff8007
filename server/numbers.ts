/** Numbers as they stand in the environment. */
import { z } from 'zod';

/** In digits: coercing would read a blank as 0, and port 0 is any port. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most));

/** A span of a call, or of something else that a person would wait for. */
export const ms = whole(1, 24 * 3600 * 1000);
