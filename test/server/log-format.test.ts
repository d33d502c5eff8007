/** How a line of the log says its level and its time, by setting. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { readSettings } from '../../server/config.ts';
import { pinoFormat } from '../../server/telemetry/logs.ts';

function lineOf(environment: Record<string, string>): { level: unknown; time: unknown } {
  const lines: string[] = [];
  const format = pinoFormat(readSettings(environment).logFormat);
  const logger = pino(format, { write: (text: string) => void lines.push(text) });
  logger.child({ process: 1 }).warn('said');
  return JSON.parse(lines[0] ?? '');
}

it('is a number and milliseconds unless something else is set', () => {
  expect(lineOf({})).toMatchObject({ level: 40, time: expect.any(Number) });
});

it('is a word and RFC 3339 where they are, each by itself', () => {
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(lineOf({ LOG_LEVEL_FORMAT: 'word' })).toMatchObject({ level: 'warn', time: expect.any(Number) });
  expect(lineOf({ LOG_TIME_FORMAT: 'rfc3339' })).toMatchObject({ level: 40, time });
  expect(lineOf({ LOG_LEVEL_FORMAT: 'word', LOG_TIME_FORMAT: 'rfc3339' })).toMatchObject({
    level: 'warn',
    time,
  });
});
