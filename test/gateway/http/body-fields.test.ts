import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EACH, type FieldPath, findFields } from '../../../src/gateway/http/body-fields.ts';
import { withoutMembers } from '../../../src/gateway/http/splice.ts';
import { many } from '../../support/property-runs.ts';

/** The body without the fields at the path, as text. */
function without(text: string, path: FieldPath): string {
  const bytes = Buffer.from(text);
  return withoutMembers(bytes, findFields(bytes, [path])).toString();
}

describe('fields of a body', () => {
  it.each([
    ['at the top', '{"a":1,"b":2}', ['a'], '{"b":2}'],
    ['the only one', '{ "a" : 1 }', ['a'], '{  }'],
    ['the last one', '{"b":{"c":[1]},"a":[{}]}', ['a'], '{"b":{"c":[1]}}'],
    ['inside another', '{"a":{"b":1,"c":2},"b":3}', ['a', 'b'], '{"a":{"c":2},"b":3}'],
    [
      'in each element',
      '{"a":[{"b":1},2,{"b":[],"c":3},[{"b":4}]]}',
      ['a', EACH, 'b'],
      '{"a":[{},2,{"c":3},[{"b":4}]]}',
    ],
    ['with an escape in its key', '{"\\u0061":1,"b":2}', ['a'], '{"b":2}'],
    ['twice', '{"a":1,"b":2,"a":3}', ['a'], '{"b":2}'],
    ['nowhere', '{"b":"\\"a\\":1"}', ['a'], '{"b":"\\"a\\":1"}'],
    ['where the shape is another', '{"a":"x","b":[]}', ['a', EACH, 'b'], '{"a":"x","b":[]}'],
    ['in an empty list', '{"a":[ ]}', ['a', EACH, 'b'], '{"a":[ ]}'],
    ['in an empty object', '{"a":{ }}', ['a', 'b'], '{"a":{ }}'],
  ] as const)('are found %s', (_where, text, path, left) => {
    expect(without(text, path)).toBe(left);
  });

  it('are not looked for forever in a text that breaks off', () => {
    const text = '{"a":[{"b":{"c":"\\\\\\"x"}},[1],true],"d":{"a":null}}';
    for (let end = 0; end <= text.length; end += 1) {
      const bytes = Buffer.from(text.slice(0, end));
      expect(
        findFields(bytes, [
          ['a', EACH, 'b', 'c'],
          ['d', 'a'],
        ]).length,
      ).toBeLessThanOrEqual(2);
    }
  });

  it('go once where one is inside another', () => {
    const bytes = Buffer.from('{"a":{"b":1},"c":2}');
    const members = findFields(bytes, [['a', 'b'], ['a']]);
    expect(members).toHaveLength(2);
    expect(withoutMembers(bytes, members).toString()).toBe('{"c":2}');
  });

  it('go as a parser would take them away, whatever else the body holds', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constant(null),
      fc.boolean(),
    );
    const scoped = fc.record({ scope: leaf, type: leaf }, { requiredKeys: [] });
    const element = fc.oneof(
      leaf,
      fc.record({ cache_control: fc.oneof(scoped, leaf), text: fc.jsonValue() }, { requiredKeys: [] }),
    );
    const body = fc.record(
      { list: fc.oneof(fc.array(element), leaf), cache_control: scoped, scope: leaf },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(body, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const left = JSON.parse(
          without(JSON.stringify(value, undefined, indent), ['list', EACH, 'cache_control', 'scope']),
        );
        const list = Array.isArray(value.list) ? value.list.map(unscoped) : value.list;
        expect(left).toEqual(JSON.parse(JSON.stringify({ ...value, ...('list' in value ? { list } : {}) })));
      }),
      many(),
    );
  });
});

function unscoped(element: unknown): unknown {
  if (typeof element !== 'object' || element === null || !('cache_control' in element)) return element;
  const { cache_control: control } = element;
  if (typeof control !== 'object' || control === null) return element;
  const { scope: _scope, ...rest } = control as { scope?: unknown };
  return { ...element, cache_control: rest };
}
