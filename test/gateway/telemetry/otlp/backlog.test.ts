import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBacklog } from '../../../../src/gateway/telemetry/otlp/backlog.ts';
import type { OtlpBody } from '../../../../src/gateway/telemetry/otlp/otlp-body.ts';
import { OTLP_SIGNALS, type OtlpSignal } from '../../../../src/kernel/protocol.ts';
import { many } from '../../../support/property-runs.ts';

function body(size: number, signal: OtlpSignal = 'metrics'): OtlpBody {
  return { signal, mediaType: 'application/x-protobuf', isGzip: false, bytes: Buffer.alloc(size) };
}

function openBacklog(maxBytes: number) {
  const dropped: OtlpBody[] = [];
  const held: number[] = [];
  const backlog = createBacklog(maxBytes, (bytes) => held.push(bytes));
  return { backlog, dropped, held, openLine: () => backlog.openLine((each) => dropped.push(each)) };
}

describe('a backlog', () => {
  it('hands bodies out in the order they came', () => {
    const line = openBacklog(100_000).openLine();
    const bodies = Array.from({ length: 200 }, () => body(10));
    for (const each of bodies.slice(0, 50)) line.add(each);
    const taken = Array.from({ length: 30 }, () => line.take(0)?.body);
    for (const waiting of bodies.slice(50, 90)) line.add(waiting);
    for (let i = 0; i < 60; i += 1) taken.push(line.take(0)?.body);
    expect(taken).toEqual(bodies.slice(0, 90));
    expect(line.take(0)).toBeUndefined();
  });

  it('drops the oldest when it is full, whichever line it is in', () => {
    const { dropped, openLine } = openBacklog(10_000);
    const [logs, metrics] = [openLine(), openLine()];
    const [first, second, third, fourth] = [body(4_000), body(4_000), body(2_000), body(5_000)] as const;
    logs.add(first);
    metrics.add(second);
    logs.add(third);
    expect(dropped).toEqual([]);
    metrics.add(fourth);
    expect(dropped).toEqual([first, second]);
    expect(logs.take(0)?.body).toBe(third);
    expect(metrics.take(0)?.body).toBe(fourth);
  });

  it('drops one that has been tried before those that came after it', () => {
    const { dropped, openLine } = openBacklog(10_000);
    const line = openLine();
    const [first, second, third] = [body(5_000), body(5_000), body(5_000)] as const;
    line.add(first);
    const waiting = line.take(0);
    if (waiting) line.putBack({ ...waiting, attempts: 1, dueAtMs: 1_000 });
    line.add(second);
    line.add(third);
    expect(dropped).toEqual([first]);
  });

  it('cannot drop what is under way: then it is the newcomer', () => {
    const { backlog, dropped, openLine } = openBacklog(10_000);
    const line = openLine();
    line.add(body(8_000));
    const underWay = line.take(0);
    const newcomer = body(4_000);
    line.add(newcomer);
    expect(dropped).toEqual([newcomer]);
    if (underWay) line.release(underWay);
    expect(backlog.heldBytes).toBe(0);
    line.add(newcomer);
    expect(line.take(0)?.body).toBe(newcomer);
  });

  it('takes one body of exactly its size, and none that is larger', () => {
    const { dropped, openLine } = openBacklog(10_000);
    const line = openLine();
    line.add(body(10_000));
    expect(dropped).toEqual([]);
    const larger = body(10_001);
    line.add(larger);
    expect(dropped).toEqual([larger]);
    expect(line.take(0)?.bytes).toBe(10_000);
  });

  it('counts small bodies for what they take in memory', () => {
    const { backlog, dropped, openLine } = openBacklog(64 * 1024);
    const line = openLine();
    for (let i = 0; i < 100; i += 1) line.add(body(0));
    expect(backlog.size).toBe(64);
    expect(dropped.length).toBe(36);
  });

  it('hands out what was tried only when it is due, and then before anything newer', () => {
    const line = openBacklog(100_000).openLine();
    const [first, second] = [body(1), body(2)] as const;
    line.add(first);
    const waiting = line.take(0);
    if (waiting) line.putBack({ ...waiting, dueAtMs: 1_000 });
    expect(line.nextDueMs()).toBe(1_000);
    line.add(second);
    expect(line.nextDueMs()).toBe(0);
    expect(line.take(999)?.body).toBe(second);
    expect(line.take(999)).toBeUndefined();
    expect(line.take(1_000)?.body).toBe(first);
    expect(line.nextDueMs()).toBeUndefined();
  });
});

const step = fc.record({
  what: fc.constantFrom('add', 'add', 'take', 'putBack', 'release'),
  line: fc.nat(2),
  size: fc.nat(6_000),
});

it('whatever is done, a backlog holds no more than it may, and loses nothing without saying so', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { backlog, dropped, held, openLine } = openBacklog(20_000);
      const lines = OTLP_SIGNALS.map(openLine);
      const underWay = lines.map(() => [] as NonNullable<ReturnType<(typeof lines)[number]['take']>>[]);
      let added = 0;
      let released = 0;
      for (const { what, line: index, size } of steps) {
        const [line, mine] = [lines[index], underWay[index]];
        if (!line || !mine) continue;
        if (what === 'add') {
          added += 1;
          line.add(body(size));
        } else if (what === 'take') {
          const taken = line.take(1_000_000);
          if (taken) mine.push(taken);
        } else {
          const taken = mine.shift();
          if (!taken) continue;
          if (what === 'putBack') line.putBack({ ...taken, attempts: taken.attempts + 1, dueAtMs: size });
          else {
            released += 1;
            line.release(taken);
          }
        }
      }
      expect(Math.max(0, ...held)).toBeLessThanOrEqual(20_000);
      let left = underWay.flat().length;
      for (const line of lines) {
        let last = 0;
        for (let taken = line.take(1_000_000); taken; taken = line.take(1_000_000)) {
          expect(taken.arrival).toBeGreaterThan(last);
          last = taken.arrival;
          left += 1;
        }
      }
      expect(backlog.size).toBe(left);
      expect(dropped.length + released + left).toBe(added);
    }),
    many(),
  );
});
