import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanBody } from '../../../src/gateway/http/body-scan.ts';
import { type MemberChange, spliceBody } from '../../../src/gateway/http/splice.ts';
import { bodyText, valueText } from '../../support/json-text.ts';
import { few } from '../../support/property-runs.ts';

const WATCHED = [
  'model',
  'stream',
  'max_tokens',
  'tags',
  'anthropic_version',
  'anthropic_beta',
  'safeguards',
];

const anyChanges = fc
  .tuple(
    fc.subarray([...WATCHED]),
    fc.array(fc.option(valueText(['a']), { nil: undefined }), { minLength: 7, maxLength: 7 }),
  )
  .map(([keys, values]) => keys.map((key, i): MemberChange => [key, values[i]]));

const splice = (text: string, ...changes: MemberChange[]) =>
  spliceBody(scanBody(Buffer.from(text)), changes).toString();

describe('splicing', () => {
  it('gives what parsing, changing and writing the members would give', () => {
    fc.assert(
      fc.property(
        bodyText(WATCHED.slice(1)).map((text) => Buffer.from(text)),
        anyChanges,
        (bytes, changes) => {
          const expected = JSON.parse(bytes.toString());
          for (const [key, value] of changes) {
            if (!Object.hasOwn(expected, key)) continue;
            if (value === undefined) delete expected[key];
            else expected[key] = JSON.parse(String(value));
          }
          const spliced = spliceBody(scanBody(bytes), changes).toString();
          expect(JSON.stringify(JSON.parse(spliced))).toBe(JSON.stringify(expected));
        },
      ),
      few(2_000),
    );
  });

  it('leaves every other byte alone', () => {
    const text = ' { "a" : 1e2 , "model"\t:\n"claude" ,\r"b":"\\u00e9" } ';
    expect(splice(text, ['model', '"other"'])).toBe(text.replace('"claude"', '"other"'));
    expect(splice(text, ['model', undefined])).toBe(' { "a" : 1e2 , "b":"\\u00e9" } ');
  });

  it('puts members in the place of one', () => {
    const instead = { members: '"x":1,"y":[2]' };
    expect(splice('{"a":1, "model" : "m" }', ['model', instead])).toBe('{"a":1, "x":1,"y":[2] }');
    expect(splice('{"model":"m","stream":true}', ['model', instead], ['stream', undefined])).toBe(
      '{"x":1,"y":[2]}',
    );
    expect(splice('{"stream":true,"tags":{},"model":"m"}', ['stream', undefined], ['model', instead])).toBe(
      '{"tags":{},"x":1,"y":[2]}',
    );
  });

  it('hands back the very body when there is nothing to change', () => {
    const bytes = Buffer.from('{"model":"claude"}');
    expect(spliceBody(scanBody(bytes), [])).toBe(bytes);
    expect(spliceBody(scanBody(bytes), [['tags', undefined]])).toBe(bytes);
  });

  it.each([
    ['first', '{"tags":1,"model":"m","x":2}', '{"model":"m","x":2}'],
    ['middle', '{"model":"m","tags":{"a":[1,"}"]},"x":2}', '{"model":"m","x":2}'],
    ['last', '{"model":"m","x":2 , "tags":1 }', '{"model":"m","x":2  }'],
  ])('takes the %s member out together with one comma', (_, text, expected) => {
    expect(splice(text, ['tags', undefined])).toBe(expected);
  });

  it('takes out any number of members at the end', () => {
    const text = '{"x":1,"model":"m", "stream":true , "tags":2,"safeguards":3}';
    const gone: MemberChange[] = [
      ['safeguards', undefined],
      ['stream', undefined],
      ['tags', undefined],
      ['model', undefined],
    ];
    expect(splice(text, ...gone.slice(0, 1))).toBe('{"x":1,"model":"m", "stream":true , "tags":2}');
    expect(splice(text, ...gone.slice(0, 3))).toBe('{"x":1,"model":"m"}');
    expect(splice(text, ...gone)).toBe('{"x":1}');
  });

  it('takes out everything there is', () => {
    expect(splice('{ "model":"m" , "tags":1 }', ['model', undefined], ['tags', undefined])).toBe('{  }');
  });
});
