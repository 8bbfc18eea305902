import { describe, expect, it } from 'vitest';
import { decideTrust, parseFingerprint, type TrustQuestion } from '../../src/client/fingerprint.ts';

const presented = 'a1'.repeat(32);
const another = 'b2'.repeat(32);
const colons = (presented.match(/../g) ?? []).join(':').toUpperCase();

describe('a fingerprint as people paste it', () => {
  it.each([presented, presented.toUpperCase(), colons, `sha256:${presented}`, ` ${presented}\n`])(
    'is read: %s',
    (text) => {
      expect(parseFingerprint(text)).toBe(presented);
    },
  );

  it('may be its first 16 digits', () => {
    expect(parseFingerprint(presented.slice(0, 16))).toBe(presented.slice(0, 16));
  });

  it.each([
    '',
    'a',
    presented.slice(0, 15),
    presented.slice(0, 17),
    presented.slice(0, 40),
    `${presented}00`,
    'z'.repeat(16),
  ])('is refused: "%s"', (text) => {
    expect(() => parseFingerprint(text)).toThrow(expect.objectContaining({ code: 'bad_usage' }));
  });
});

describe('the decision about a certificate', () => {
  const decide = (question: Partial<TrustQuestion>) =>
    decideTrust({
      host: 'h',
      gateway: 'https://h',
      presented,
      known: undefined,
      expected: undefined,
      canAsk: false,
      ...question,
    });
  const throwing = (code: string) => expect.objectContaining({ code });

  it('trusts a known one and an expected one without a question', () => {
    expect(decide({ known: presented })).toEqual({ kind: 'trusted' });
    expect(decide({ expected: presented })).toEqual({ kind: 'trusted' });
    expect(decide({ expected: presented.slice(0, 16), known: another })).toEqual({ kind: 'trusted' });
  });

  it('asks about a new and a changed one', () => {
    expect(decide({ canAsk: true })).toEqual({ kind: 'ask', previous: undefined });
    expect(decide({ canAsk: true, known: another })).toEqual({ kind: 'ask', previous: another });
  });

  it('refuses what is not expected, even if known and even if it could ask', () => {
    expect(() => decide({ expected: another, known: presented, canAsk: true })).toThrow(
      throwing('fingerprint_mismatch'),
    );
  });

  it('refuses where it cannot ask', () => {
    expect(() => decide({})).toThrow(throwing('fingerprint_required'));
    expect(() => decide({ known: another })).toThrow(throwing('certificate_changed'));
  });
});
