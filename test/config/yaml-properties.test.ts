import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readSourceTree } from '../../src/config/read-source.ts';
import { plainValue } from '../../src/config/source-tree.ts';
import { few, many } from '../support/property-runs.ts';

/** Pieces that YAML makes something of; most texts of them are broken, and many are not. */
const piece = fc.constantFrom(
  ...['a', 'b', 'port', '8080', '0x1F', '1e3', '-0', '.5', 'true', 'null', '~', '.inf', 'no', '2026-01-01'],
  ...['\n', '\n', '\n  ', '\n    ', '\n\n', '\r\n', '\t', ' ', '  '],
  ...[': ', ': ', ':\n  ', '- ', '? ', ', ', '{', '}', '[', ']', '"', "'", '|\n', '>-\n', '|2+\n'],
  ...['&x ', '*x', '!!str ', '!!int ', '!t ', '<<: ', '# c', ' # c\n', '---\n', '...\n', '%YAML 1.2\n'],
  ...['\\', '\\u0041', '\\x', '\ufeff', '\u0000', '\u0085', '🔑', 'é', '__proto__', 'constructor'],
);
const text = fc.oneof(
  fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join('')),
  fc
    .array(
      fc.tuple(fc.constantFrom('a', 'b', 'c', '"d"', '7', '- '), fc.constantFrom(': ', ':\n  '), piece),
      {
        maxLength: 8,
      },
    )
    .map((lines) => lines.map((parts) => `${parts.join('')}\n`).join('')),
);

const scalar = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(...' \n\t:#-?{}[],&*!|>\'"%@`0~ab'), maxLength: 12 }),
  fc.constantFrom('null', 'true', '8080', '0x10', '.inf', '<<', '---', '=', ''),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.boolean(),
  fc.constant(null),
);
const { map } = fc.letrec<{ map: Record<string, unknown>; value: unknown }>((tie) => ({
  map: fc.dictionary(
    fc.oneof(fc.stringMatching(/^[a-z_]{1,8}$/), fc.string({ minLength: 1, maxLength: 8 })),
    tie('value'),
    { maxKeys: 4 },
  ),
  value: fc.oneof({ maxDepth: 3 }, scalar, tie('map'), fc.array(tie('value'), { maxLength: 4 })),
}));

const style = fc.record({
  collectionStyle: fc.constantFrom('any', 'block', 'flow' as const),
  defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL' as const),
  indent: fc.integer({ min: 1, max: 6 }),
  indentSeq: fc.boolean(),
  lineWidth: fc.constantFrom(0, 30, 80),
});

/** The writer miscounts the blanks that a block text begins with, and folds what may not be folded. */
function isWritten(value: unknown, written: string): boolean {
  try {
    return isDeepStrictEqual(parse(written, { version: '1.2', schema: 'core' }), value);
  } catch {
    return false;
  }
}

describe('the file as a tree', () => {
  it('says what a YAML parser says, wherever it has no problem with it', () => {
    fc.assert(
      fc.property(text, (source) => {
        const { root, problems, isReadable } = readSourceTree(source);
        expect(isReadable || problems.length > 0).toBe(true);
        if (problems.length > 0) return;
        const parsed: unknown = parse(source, {
          version: '1.2',
          schema: 'core',
          stringKeys: true,
          logLevel: 'error',
        });
        expect(plainValue(root)).toEqual(parsed ?? {});
      }),
      many(),
    );
  });

  it('holds whatever a YAML writer has written, in every style, without a problem', () => {
    fc.assert(
      fc.property(map, style, fc.boolean(), (value, options, isCrlf) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__"'));
        const written = stringify(value, { ...options, version: '1.2', schema: 'core' });
        fc.pre(isWritten(value, written));
        // A writer's line breaks in quoted texts are its own; those of block texts are not.
        const isPlainText = !/[|>][-+\d]*\n/.test(written);
        const { root, problems } = readSourceTree(
          isCrlf && isPlainText ? written.replaceAll('\n', '\r\n') : written,
        );
        expect(problems).toEqual([]);
        expect(plainValue(root)).toEqual(value);
      }),
      few(1_000),
    );
  });
});
