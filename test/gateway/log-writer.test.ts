import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLog, type LogOptions } from '../../src/gateway/log-writer.ts';
import type { LogLevel } from '../../src/kernel/log.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { few } from '../support/property-runs.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function logAt(level: LogLevel, format: LogOptions['format'] = 'text') {
  const written: string[] = [];
  const clock = createManualClock(Date.UTC(2026, 5, 10, 17, 3, 21, 114));
  return { log: createLog({ level, format, write: (line) => written.push(line) }, clock), written };
}

describe('the operational log', () => {
  it('says who, when, how bad and what', () => {
    const { log, written } = logAt('debug');
    for (const level of LEVELS) log[level](`a ${level} message`);
    expect(written).toEqual(
      LEVELS.map((level) => `[gateway] 2026-06-10T17:03:21.114Z ${level} a ${level} message\n`),
    );
  });

  it.each(LEVELS)('at level %s writes nothing below it', (level) => {
    const { log, written } = logAt(level);
    for (const other of LEVELS) log[other]('x');
    const expected = LEVELS.slice(LEVELS.indexOf(level));
    expect(written.map((line) => line.split(' ')[2])).toEqual(expected);
    expect(LEVELS.filter((other) => log.isEnabled(other))).toEqual(expected);
  });

  it('as JSON says the same', () => {
    const { log, written } = logAt('info', 'json');
    log.warn('a "quoted" message');
    expect(written).toEqual([
      '{"ts":"2026-06-10T17:03:21.114Z","level":"warn","msg":"a \\"quoted\\" message"}\n',
    ]);
  });

  it.each(['text', 'json'] as const)('as %s keeps every message on one line', (format) => {
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
      fc.constantFrom('\u2028', '\u2029', '\ud800', '😀'),
    );
    fc.assert(
      fc.property(fc.string({ unit }), (message) => {
        const { log, written } = logAt('info', format);
        log.info(message);
        expect(written).toHaveLength(1);
        const [line = ''] = written;
        expect(line.endsWith('\n')).toBe(true);
        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        if (format === 'json') expect(JSON.parse(line)).toMatchObject({ level: 'info' });
      }),
      few(2_000),
    );
  });
});
