import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { many } from './support/property-runs.ts';

describe('every property', () => {
  it('takes the number of its runs from one place', () => {
    const folder = new URL('.', import.meta.url);
    const files = readdirSync(folder, { encoding: 'utf8', recursive: true }).filter(
      (name) => name.endsWith('.test.ts') && name !== 'property-runs.test.ts',
    );
    const properties = files.flatMap((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8').replaceAll('_', '');
      const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
      return [{ name, asserted: count(/\bfc\.assert\(/g), bounded: count(/\b(?:many\(\)|few\(\d+\))/g) }];
    });
    expect(properties.filter(({ asserted, bounded }) => asserted !== bounded)).toEqual([]);
    expect(properties.some(({ asserted }) => asserted > 0)).toBe(true);
  });

  it('that fails says which command repeats it', () => {
    const even = fc.property(fc.nat(), (n) => {
      expect(n % 2).toBe(0);
    });
    const failing = () => fc.assert(even, { ...many(), seed: 7 });
    expect(failing).toThrow(/^Property failed after \d+ tests/);
    expect(failing).toThrow(
      /npm run fuzz -- --seed 7 --path [\d:]+ test\/property-runs\.test\.ts -t "that fails says which command repeats it"$/m,
    );
  });
});
