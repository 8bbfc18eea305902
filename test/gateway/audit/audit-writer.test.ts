import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuditWriter } from '../../../src/gateway/audit/audit-writer.ts';
import { createLineWriter } from '../../../src/gateway/audit/line-writer.ts';
import type { AuditFields } from '../../../src/gateway/exchange.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { few } from '../../support/property-runs.ts';
import { createSlowStream } from '../../support/slow-stream.ts';

function writer({
  isReading = true,
  maxBufferedBytes = 1_000_000,
  startMs = Date.UTC(2026, 5, 10, 17, 3, 21, 114),
} = {}) {
  const clock = createManualClock(startMs);
  const slow = createSlowStream({ isReading });
  const lines = createLineWriter(slow.stream, maxBufferedBytes, 20);
  const { audit, close } = createAuditWriter(lines, clock);
  const events = () => slow.lines().map((line): Record<string, unknown> => JSON.parse(line));
  return { audit, close, clock, slow, lines, events };
}

/** The same on a sink whose failures pass. */
function writerOnDisk() {
  const disk = { isFull: false, text: '' };
  const lines = createLineWriter({
    writableLength: 0,
    write(text, done) {
      if (!disk.isFull) disk.text += text;
      done(disk.isFull ? new Error('ENOSPC') : undefined);
    },
  });
  const { audit, close } = createAuditWriter(lines, systemClock);
  const events = () =>
    disk.text
      .split('\n')
      .slice(0, -1)
      .map((line): Record<string, unknown> => JSON.parse(line));
  return { audit, close, lines, events, disk };
}

const nextTick = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** Control characters of Unicode, and the two separators that some readers take for line ends. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

describe('an event', () => {
  it('is one line of JSON: when, what, whose request, what of it, which number', async () => {
    const { audit, clock, slow, lines } = writer();
    audit('config.load', undefined, { path: '/etc/gateway.yaml', sha256: 'ab' });
    clock.advance(886);
    audit('inference', 'req_1', { sub: 'ada', status: 200, stream: true, model: undefined, email: null });
    await lines.flush();
    expect(slow.lines()).toEqual([
      '{"ts":"2026-06-10T17:03:21.114Z","evt":"config.load","path":"/etc/gateway.yaml","sha256":"ab","seq":1}',
      '{"ts":"2026-06-10T17:03:22.000Z","evt":"inference","request_id":"req_1","sub":"ada","status":200,"stream":true,"email":null,"seq":2}',
    ]);
  });

  it('stays one line, and reads back, whatever its fields hold', async () => {
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
      fc.constantFrom('\u2028', '\u2029', '\ud800', '😀', 'é', '"', '\\', '\n', '{', '}'),
    );
    const value = fc.oneof(
      fc.string({ unit }),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
    );
    const fields = fc.dictionary(fc.constantFrom('sub', 'email', 'reason', 'path', 'status', 'entry'), value);
    await fc.assert(
      fc.asyncProperty(fields, async (given: AuditFields) => {
        const { audit, slow, lines } = writer();
        audit('auth.denied', 'req_1', given);
        await lines.flush();
        const [line = '', ...others] = slow.lines();
        expect(others).toEqual([]);
        expect(line).not.toMatch(CONTROL);
        expect(JSON.parse(line)).toEqual({
          ts: expect.any(String),
          evt: 'auth.denied',
          request_id: 'req_1',
          ...JSON.parse(JSON.stringify(given)),
          seq: 1,
        });
      }),
      few(2_000),
    );
  });

  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [999, '1970-01-01T00:00:00.999Z'],
    [Date.UTC(2026, 11, 31, 23, 59, 59, 7) + 0.75, '2026-12-31T23:59:59.007Z'],
  ])('at %d is dated %s', async (startMs, ts) => {
    const { audit, events, lines } = writer({ startMs });
    audit('gateway.stop', undefined, {});
    await lines.flush();
    expect(events()[0]).toMatchObject({ ts });
  });

  it('is dated as the platform would date it', () => {
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 20 }), async (steps) => {
        const { audit, clock, events, lines } = writer();
        const expected = steps.map((step) => {
          clock.advance(step);
          audit('gateway.stop', undefined, {});
          return new Date(clock.now()).toISOString();
        });
        await lines.flush();
        expect(events().map(({ ts }) => ts)).toEqual(expected);
      }),
      few(2_000),
    );
  });
});

describe('the trail', () => {
  it('counts its lines without a gap and ends with the totals', async () => {
    const { audit, close, events } = writer();
    for (let i = 0; i < 500; i += 1) audit('inference', `req_${i}`, {});
    await close();
    expect(events().map(({ seq }) => seq)).toEqual(Array.from({ length: 501 }, (_, i) => i + 1));
    expect(events().at(-1)).toMatchObject({ evt: 'gateway.stop', seq: 501, lines: 501, lost: 0 });
  });

  it('is written once a tick, however many events there are', async () => {
    const { audit, slow } = writer();
    for (let i = 0; i < 100; i += 1) audit('inference', undefined, {});
    expect(slow.writes).toEqual([]);
    await nextTick();
    audit('inference', undefined, {});
    await nextTick();
    expect(slow.writes.map((text) => text.split('\n').length - 1)).toEqual([100, 1]);
  });

  it('drops what a slow reader leaves no room for, and says how much in the next line that is kept', async () => {
    const { audit, close, slow, lines, events } = writer({ isReading: false, maxBufferedBytes: 10_000 });
    for (let i = 0; i < 1_000; i += 1) {
      audit('inference', `req_${i}`, { model: 'm'.repeat(50) });
      if (i % 50 === 0) await nextTick();
    }
    const lostFirst = lines.lost;
    expect(lostFirst).toBeGreaterThan(800);
    expect(slow.stream.writableLength).toBeLessThan(11_000);
    slow.read();
    await lines.flush();
    audit('inference', 'req_after', {});
    await lines.flush();
    expect(events().at(-1)).toMatchObject({ request_id: 'req_after', seq: 1_001, lost: lostFirst });
    audit('inference', 'req_later', {});
    await close();
    expect(events().at(-2)).not.toHaveProperty('lost');
    const kept = events().length;
    expect(events().at(-1)).toMatchObject({
      evt: 'gateway.stop',
      lines: kept,
      lost: lostFirst,
      seq: kept + lostFirst,
    });
  });

  it('never forgets a lost line, however losses and room take turns', async () => {
    const { audit, close, slow, lines, events } = writer({ isReading: false, maxBufferedBytes: 500 });
    for (let i = 0; i < 60; i += 1) {
      audit('inference', undefined, { model: 'm'.repeat((i * 37) % 300) });
      if (i % 7 === 0) await nextTick();
    }
    slow.read();
    await lines.flush();
    audit('inference', undefined, {});
    await close();
    const told = events().reduce(
      (sum, { evt, lost }) => sum + (evt === 'gateway.stop' ? 0 : Number(lost ?? 0)),
      0,
    );
    expect(told).toBe(lines.lost);
    expect(told).toBeGreaterThan(0);
    // Each gap in the numbers is as wide as the line after it says.
    let before = 0;
    for (const { seq, lost } of events()) {
      expect(Number(seq) - before - 1).toBe(events().at(-1)?.['seq'] === seq ? 0 : Number(lost ?? 0));
      before = Number(seq);
    }
  });

  it('survives a stream that breaks: no exception, and the lines count as lost', async () => {
    const { audit, close, slow, lines } = writer({ isReading: false });
    audit('inference', undefined, {});
    audit('inference', undefined, {});
    await nextTick();
    slow.fail(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await nextTick();
    expect(lines.lost).toBe(2);
    audit('inference', undefined, {});
    await close();
    expect(lines.lost).toBe(4);
    expect(slow.lines()).toEqual([]);
  });

  it('says in the first line that is written how many were lost, those that said so themselves among them', async () => {
    const { audit, close, lines, events, disk } = writerOnDisk();
    for (let i = 0; i < 4; i += 1) {
      disk.isFull = i < 3;
      audit('inference', undefined, {});
      await lines.flush();
    }
    await close();
    expect(events().map(({ seq, lost, lines: total }) => [seq, lost, total])).toEqual([
      [4, 3, undefined],
      [5, 3, 2],
    ]);
  });

  it('does not keep a process from ending when nobody reads any more', async () => {
    const { audit, close } = writer({ isReading: false });
    audit('inference', undefined, {});
    await close();
  });
});

describe('the line writer', () => {
  it('has nothing to wait for when nothing was written', async () => {
    await createLineWriter(createSlowStream().stream).flush();
  });

  it('keeps the order of lines of several writers on one stream', async () => {
    const slow = createSlowStream({ isReading: true });
    const lines = createLineWriter(slow.stream);
    const { audit, close } = createAuditWriter(lines, systemClock);
    lines.write('[gateway] first\n');
    audit('config.load', undefined, {});
    lines.write('[gateway] third\n');
    await close();
    expect(slow.lines().map((line) => /first|config\.load|third|stop/.exec(line)?.[0])).toEqual([
      'first',
      'config.load',
      'third',
      'stop',
    ]);
  });
});
