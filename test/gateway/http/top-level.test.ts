import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanBody } from '../../../src/gateway/http/body-scan.ts';
import { topLevelMembers } from '../../../src/gateway/http/top-level.ts';
import { bodyText } from '../../support/json-text.ts';
import { many } from '../../support/property-runs.ts';

describe('the outermost members of a body', () => {
  it('are those that parsing finds, with the same values', () => {
    fc.assert(
      fc.property(bodyText(['tools', 'amazon-bedrock-x', 'thinking']), (text) => {
        const { bytes } = scanBody(Buffer.from(text));
        const found = [...topLevelMembers(bytes)].map(([key, { valueStart, valueEnd }]) => [
          key,
          JSON.parse(bytes.toString('utf8', valueStart, valueEnd)),
        ]);
        expect(JSON.stringify(Object.fromEntries(found))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      many(),
    );
  });

  it('have their keys unescaped', () => {
    const bytes = Buffer.from(' { "m\\u006fdel" : "m", "a\\"b":[{"c":1}] } ');
    expect([...topLevelMembers(bytes)].map(([key]) => key)).toEqual(['model', 'a"b']);
  });
});
