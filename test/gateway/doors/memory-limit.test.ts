import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { defaultBufferedBytes, memoryLimitBytes } from '../../../src/gateway/doors/memory-limit.ts';

const MIB = 1024 ** 2;

describe('the memory that a process may use', () => {
  it('is no more than the machine has', () => {
    expect(memoryLimitBytes()).toBeLessThanOrEqual(totalmem());
    expect(memoryLimitBytes()).toBeGreaterThan(0);
  });
});

describe('the request bytes that a process holds unless told otherwise', () => {
  it.each([
    [512 * MIB, 1, 128 * MIB],
    [2_048 * MIB, 1, 512 * MIB],
    [4_096 * MIB, 1, 1_024 * MIB],
    [65_536 * MIB, 1, 1_024 * MIB],
    [4_096 * MIB, 4, 256 * MIB],
  ])('of %d bytes of memory in %d processes are %d each', (memory, processes, expected) => {
    expect(defaultBufferedBytes(memory, processes)).toBe(expected);
  });
});
