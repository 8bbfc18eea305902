import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_USAGE, usageOfMessage } from '../../../src/gateway/relay/usage.ts';
import { many } from '../../support/property-runs.ts';

const of = (text: string) => usageOfMessage(Buffer.from(text));

describe('the usage of a whole message', () => {
  it('is its top-level usage, wherever that stands', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), fc.nat(), (before, after, tokens) => {
        const text = `{"content":${before},"usage":{"input_tokens":${tokens},"x":[1]},"more":${after}}`;
        expect(of(text).inputTokens).toBe(tokens);
      }),
      many(),
    );
  });

  it('is not one that stands deeper or in a text', () => {
    expect(of('{"content":[{"usage":{"input_tokens":5}}],"text":"\\"usage\\":{\\"input_tokens\\":6}"}')).toBe(
      NO_USAGE,
    );
  });

  it.each([
    '',
    'null',
    '[]',
    '{',
    '{"usage"',
    '{"usage":',
    '{"usage":7}',
    '{"usage":{"input_tokens":"x"}}',
    '<html>',
  ])('of %j is none, without an error', (text) => {
    expect(of(text)).toEqual(NO_USAGE);
  });

  it('is none for whatever bytes come, or what they say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => usageOfMessage(Buffer.from(bytes))).not.toThrow();
      }),
      many(),
    );
  });
});
