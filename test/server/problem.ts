/** What every refusal owes its reader, and what it must keep to itself. */
import { expect } from 'vitest';
import { PROBLEMS, type ProblemType } from '../../server/problem.ts';
import type { Answer, World } from '../coordinator/world.ts';

/** Words that give away a stack, a file of this machine, or the library that threw. */
const TELLTALE = /\n\s+at |\.[cm]?[jt]s:\d|node_modules|file:\/\/|ZodError|HTTPException|ioredis/;

export function expectProblem(answer: Answer, type: ProblemType, detail: RegExp = /./): void {
  const [status, title] = PROBLEMS[type];
  expect(answer.body).toMatchObject({ type, title, status, detail: expect.stringMatching(detail) });
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers['retry-after']).toBe(status === 503 ? '2' : undefined);
  expectDiscreet(JSON.stringify(answer.body));
}

/** No stack, no path of the machine, no value of the environment. */
export function expectDiscreet(text: string): void {
  expect(text).not.toMatch(TELLTALE);
  const { PATH, HOME = process.cwd() } = process.env;
  for (const secret of [process.cwd(), process.execPath, PATH, HOME]) {
    // A home of `/` stands in every path, and tells nothing.
    if (secret !== undefined && secret.length > 1) expect(text).not.toContain(secret);
  }
}

/** Where the errors of a validation-error point. */
export function pointers({ body }: Answer): string[] {
  return body.errors.map(({ pointer }: { pointer: string }) => pointer);
}

/** All that a refused request could have left behind: keys in Redis, and calls at the services. */
export async function traces(world: World, keys: () => Promise<string[]>) {
  const calls = Object.values(world.services).map(({ service, journal }) => [
    service,
    journal.entries().length,
  ]);
  return { keys: (await keys()).sort(), calls: Object.fromEntries(calls) };
}
