import { expect, it } from 'vitest';
import { createSettingsMark } from '../../../src/gateway/policy/settings-mark.ts';
import { secret } from '../../../src/kernel/secret.ts';

const mark = createSettingsMark([secret('a secret of the tests')]);
const CHECKSUM = `sha256:${'a'.repeat(64)}`;

it('a mark is 16 digits, equal for equal checksums and on every replica, and of another secret another', () => {
  expect(mark(CHECKSUM)).toMatch(/^[0-9a-f]{16}$/);
  expect(mark(CHECKSUM)).toBe(mark(CHECKSUM));
  expect(createSettingsMark([secret('a secret of the tests'), secret('an older one')])(CHECKSUM)).toBe(
    mark(CHECKSUM),
  );
  expect(createSettingsMark([secret('another secret')])(CHECKSUM)).not.toBe(mark(CHECKSUM));
  expect(mark(`${CHECKSUM}b`)).not.toBe(mark(CHECKSUM));
});

it('several checksums have as many marks', () => {
  expect(mark(`${CHECKSUM}, b`)).toBe(`${mark(CHECKSUM)},${mark('b')}`);
});

it.each([undefined, '', ' , ', 'x'.repeat(1_001)])('what is no checksum has none: %j', (reported) => {
  expect(mark(reported)).toBeUndefined();
});
