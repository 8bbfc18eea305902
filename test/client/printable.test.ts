import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, printableText } from '../../src/client/printable.ts';
import { many } from '../support/property-runs.ts';

describe('text from elsewhere', () => {
  it('loses its control characters and keeps the rest', () => {
    expect(printable('a\u001b[31mb\u0007c\u009bd\u202ee\r\nf')).toBe('a[31mbcde f');
    expect(printable('Grüße, 世界 👋')).toBe('Grüße, 世界 👋');
  });

  it('keeps lines and tabs where it runs over several', () => {
    expect(printableText('a\tb\nc\u001b[2J\rd')).toBe('a\tb\nc[2Jd');
  });

  it('can do nothing to a terminal, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        expect(printableText(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
      many(),
    );
  });
});
