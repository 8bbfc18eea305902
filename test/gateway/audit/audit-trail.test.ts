import { expect, it } from 'vitest';
import { watchAuditTrail } from '../../../src/gateway/audit/audit-trail.ts';
import { createLineWriter } from '../../../src/gateway/audit/line-writer.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { createSlowStream } from '../../support/slow-stream.ts';

function open(onFailure: 'continue' | 'refuse', { isReading = false } = {}) {
  const log = createMemoryLog();
  const clock = createManualClock();
  /** Fails with this, while there is one. */
  const disk: { error: Error | undefined } = { error: undefined };
  const slow = createSlowStream({ isReading });
  const sink = {
    get writableLength() {
      return slow.stream.writableLength;
    },
    write: (text: string, done: (error?: Error | null) => void) =>
      disk.error ? done(disk.error) : slow.stream.write(text, done),
  };
  const lines = createLineWriter(sink, 1_000, 20);
  return { trail: watchAuditTrail(onFailure, lines, { log, clock }), lines, log, clock, disk, slow };
}

const FULL = new Error('ENOSPC: no space left on device, write');

it('lets requests pass while lines are written', async () => {
  const { trail, lines, log } = open('refuse', { isReading: true });
  lines.write('one\n');
  await lines.flush();
  trail.pass();
  expect(log.lines).toEqual([]);
});

it('refuses requests from the first line that was lost to the next that is written, and says both once', async () => {
  const { trail, lines, log, clock, disk } = open('refuse', { isReading: true });
  disk.error = FULL;
  for (const line of ['one\n', 'two\n']) {
    lines.write(line);
    await lines.flush();
  }
  for (let i = 0; i < 3; i += 1)
    expect(() => trail.pass()).toThrow(expect.objectContaining({ code: 'audit_unavailable' }));
  clock.advance(41_000);
  disk.error = undefined;
  lines.write('three\n');
  await lines.flush();
  trail.pass();
  expect(log.lines).toEqual([
    'error audit lines cannot be written (ENOSPC: no space left on device, write): new inference requests are refused with 503 until they can (log.on_audit_failure: refuse)',
    'warn audit lines are written again after 41 s; lost so far: 2; inference requests refused: 3',
  ]);
});

it('says so and refuses nobody where requests are to go on', async () => {
  const { trail, lines, log, disk } = open('continue', { isReading: true });
  disk.error = FULL;
  lines.write('one\n');
  await lines.flush();
  trail.pass();
  disk.error = undefined;
  lines.write('two\n');
  await lines.flush();
  expect(log.lines).toEqual([
    expect.stringMatching(/^error audit lines cannot be written .*\(log\.on_audit_failure: continue\)$/),
    'warn audit lines are written again after 0 s; lost so far: 1; inference requests refused: 0',
  ]);
});

it('takes a reader that has stopped reading for a failure, until it has caught up', async () => {
  const { trail, lines, slow } = open('refuse');
  const flood = async () => {
    while (lines.write(`${'x'.repeat(99)}\n`)) await new Promise((resolve) => setImmediate(resolve));
  };
  trail.pass();
  await flood();
  expect(() => trail.pass()).toThrow(/audit_unavailable/);
  slow.read();
  await lines.flush();
  trail.pass();
});

it('hears of a failure from before it was asked to watch', async () => {
  const { lines, disk, clock } = open('refuse');
  disk.error = FULL;
  lines.write('one\n');
  await lines.flush();
  const log = createMemoryLog();
  expect(() => watchAuditTrail('refuse', lines, { log, clock }).pass()).toThrow(/audit_unavailable/);
});
