import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeControl } from '../../src/kernel/log.ts';
import { many } from '../support/property-runs.ts';

/** Control characters of Unicode, and the two separators that some readers take for line ends. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

describe('escaping', () => {
  it('leaves no control character and no line break in any text', () => {
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
      fc.constantFrom('\u2028', '\u2029', '\u2027', '\u202a', 'é', '😀', '\ud800'),
    );
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        const escaped = escapeControl(text);
        expect(escaped).not.toMatch(CONTROL);
        expect(
          escaped.replace(/\\u([0-9a-f]{4})/g, (_, code: string) =>
            String.fromCharCode(Number.parseInt(code, 16)),
          ),
        ).toBe(text);
      }),
      many(),
    );
  });

  it('leaves everything else as it is', () => {
    const text = 'plain "quoted" back\\slash é 漢 😀 \u00a0 \u202e';
    expect(escapeControl(text)).toBe(text);
  });

  it('shows what was there', () => {
    expect(escapeControl('a\nb\r\tc\u0000d\u001b[31me\u007ff\u0085g\u2028h')).toBe(
      'a\\u000ab\\u000d\\u0009c\\u0000d\\u001b[31me\\u007ff\\u0085g\\u2028h',
    );
  });
});
