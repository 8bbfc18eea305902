import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createObjectScanner } from '../../../../src/gateway/http/json-scanner/object-scanner.ts';
import { mutated, objectText, valueText } from '../../../support/json-text.ts';
import { plainObjectScan } from '../../../support/plain-object-scan.ts';
import { many } from '../../../support/property-runs.ts';

const NAMES = ['model', 'stream', 'max_tokens', 'tags'];
const scan = createObjectScanner(NAMES);

/** Both scanners' answers in a form that shows order, too. */
function answers(bytes: Buffer): readonly [scanner: string, oracle: string] {
  return [shown(scan(bytes)), shown(plainObjectScan(bytes, NAMES))];
}

function shown(scanned: ReturnType<typeof scan>): string {
  return scanned ? JSON.stringify([[...scanned.members], scanned.repeated]) : 'no object';
}

function expectAgreement(bytes: Buffer): void {
  const [scanner, oracle] = answers(bytes);
  expect(scanner).toBe(oracle);
}

/** The texts on which the scanners part ways, a few at most. */
function disagreements(texts: Iterable<string | Buffer>): string[] {
  const found: string[] = [];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const [scanner, oracle] = answers(bytes);
    if (scanner !== oracle)
      found.push(`${JSON.stringify(bytes.toString('latin1'))}: ${scanner}, not ${oracle}`);
    if (found.length === 5) break;
  }
  return found;
}

/** Strings of the lengths at which blocks of 16 and 64 bytes begin and end, with what a string can trip over. */
const run = (text: string) => fc.nat({ max: 140 }).map((times) => text.repeat(times));
const stumblingString = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: run('x') },
      run('\\'),
      run('\\n'),
      run('é'),
      fc.constantFrom(
        '\\"',
        '\\\\',
        '\\u00e9',
        '\\u00E9',
        '\\ud83d\\ude00',
        '\\/',
        '\\b',
        '\\f',
        '\\r',
        '\\t',
      ),
      fc.constantFrom(
        '"',
        '\\u12',
        '\\u12g4',
        '\\u"',
        '\\x',
        '\\U0041',
        '\n',
        '\0',
        '\u001f',
        '\u007f',
        '\\',
        '},{',
      ),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => `"${pieces.join('')}"`);

describe('the object scanner and a plain walk over the bytes', () => {
  it('agree on JSON of every shape, and with the platform on what is an object', () => {
    fc.assert(
      fc.property(fc.oneof(objectText(NAMES), valueText(NAMES)), (text) => {
        const bytes = Buffer.from(text);
        expectAgreement(bytes);
        const value: unknown = JSON.parse(text);
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        expect(scan(bytes) !== undefined).toBe(isObject);
      }),
      many(),
    );
  });

  it('agree on damaged JSON', () => {
    fc.assert(fc.property(mutated(objectText(NAMES)), expectAgreement), many());
  });

  it('agree on strings that trip over the ends of blocks', () => {
    fc.assert(
      fc.property(stumblingString, fc.nat({ max: 70 }), (text, indent) => {
        const space = ' '.repeat(indent);
        expectAgreement(Buffer.from(`{"model":${text}}`));
        expectAgreement(Buffer.from(`${space}{${text}:${space}[${text},${space}{${text}:1}]}`));
      }),
      many(),
    );
  });

  it('agree on such strings when they are damaged', () => {
    fc.assert(
      fc.property(mutated(stumblingString.map((text) => `{"a":[${text}],"tags":${text}}`)), expectAgreement),
      many(),
    );
  });

  it('agree on nesting about the limit', () => {
    const brackets = fc.array(fc.constantFrom('[', '{"a":', '[ ', '{ "tags" : '), {
      minLength: 190,
      maxLength: 205,
    });
    const close = (open: string) => (open.startsWith('[') ? ']' : '}');
    fc.assert(
      fc.property(brackets, fc.nat(), (opened, spoilt) => {
        const closing = opened.map(close).reverse();
        const text = (ends: readonly string[]) =>
          `{"a":[],"tags":${opened.join('')}0${ends.join('')},"b":{}}`;
        expectAgreement(Buffer.from(text(closing)));
        const at = spoilt % closing.length;
        expectAgreement(Buffer.from(text(closing.with(at, closing[at] === ']' ? '}' : ']'))));
      }),
      many(),
    );
  });
});

const EVERYTHING = `\r\n\t {"model" :"a\\"b\\\\\\u00e9\\/\\b\\f\\n\\r\\t","${'k'.repeat(30)}": [true,false , null,{},[ ]],
  "n":[0,-0,10.25,-1e5,1E+2,0.5e-10, 123456789012345678901234567890],"mod\\u0065l2":{"model":"x","é漢😀":[[{"a":[]}]]},
  "str\\u0065am":true,"tags":"${'y'.repeat(70)}\\\\${'z'.repeat(70)}"} \n`;

describe('every', () => {
  it('beginning of a document is judged alike', () => {
    const bytes = Buffer.from(EVERYTHING);
    expect(scan(bytes)?.members.size).toBe(3);
    const beginnings = [...bytes.keys()].map((length) => bytes.subarray(0, length));
    expect(disagreements(beginnings)).toEqual([]);
  });

  it('change of one byte is judged alike', () => {
    const bytes = Buffer.from(EVERYTHING);
    function* changed() {
      for (const at of bytes.keys()) {
        for (let byte = 0; byte < 256; byte += 1) {
          const copy = Buffer.from(bytes);
          copy[at] = byte;
          yield copy;
        }
      }
    }
    expect(disagreements(changed())).toEqual([]);
  });

  it('escape is judged alike wherever in a block it is', () => {
    const bytes = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
    const digits = [
      '',
      '0',
      '00e',
      '00e9',
      'ABCD',
      'abcdef',
      'g000',
      '0g00',
      '00g0',
      '000g',
      '000/',
      '000:',
      '000@',
      '000`',
    ];
    const escapes = [...bytes.map((char) => `\\${char}`), ...digits.map((text) => `\\u${text}`)];
    function* placed() {
      for (let before = 0; before < 140; before += 1) {
        for (const text of escapes) yield `{"a":"${'x'.repeat(before)}${text}","tags":"y"}`;
      }
    }
    expect(disagreements(placed())).toEqual([]);
  });

  it('run of backslashes is judged alike wherever in a block it is', () => {
    function* runs() {
      for (let before = 0; before < 80; before += 1) {
        for (let length = 0; length < 140; length += 1) {
          yield `{"a":"${'x'.repeat(before)}${'\\'.repeat(length)}","tags":"\\\\"}`;
        }
      }
    }
    expect(disagreements(runs())).toEqual([]);
  });

  it('length of white space, string and number is judged alike', () => {
    function* lengths() {
      for (let length = 0; length < 200; length += 1) {
        const [space, text, digits] = [
          ' \n\r\t'.repeat(50).slice(0, length),
          'x'.repeat(length),
          '1'.repeat(length),
        ];
        yield `${space}{${space}"model"${space}:${space}"a"${space},${space}"b"${space}:[${space}]${space}}${space}`;
        yield `${space}\f{"model":"a"}`;
        yield `{"${text}":"${text}","model":"a"}`;
        yield `{"model":"${text}\0"}`;
        yield `{"model":${digits}}`;
        yield `{"model":${digits}.${digits}e-${digits}}`;
      }
    }
    expect(disagreements(lengths())).toEqual([]);
  });
});

describe('the object scanner', () => {
  it('names the first name that came twice, however many do', () => {
    const twice = `"stream":1,"m\\u006fdel":2,"mode\\u006C":3,"stream":4,`;
    expect(scan(Buffer.from(`{${twice}"tags":5}`))?.repeated).toBe('model');
    const often = Buffer.from(`{${'"tags":1,'.repeat(1_000)}${twice.repeat(1_000)}"max_tokens":5}`);
    expect(scan(often)?.repeated).toBe('tags');
    expect(scan(often.subarray(0, -1))).toBeUndefined();
  });

  it('does not read on into what an earlier document left behind', () => {
    const whole = Buffer.from(`{"model":"${'a'.repeat(100)}","tags":[1,2,3]}`);
    for (const length of whole.keys()) {
      expect(scan(whole)?.members.size).toBe(2);
      expect(scan(whole.subarray(0, length))).toBeUndefined();
    }
  });

  it('refuses names that it has no room for', () => {
    const name = 'a'.repeat(99);
    expect(createObjectScanner([name, 'b'])(Buffer.from(`{"${name}":1,"b":2}`))?.members.size).toBe(2);
    expect(() => createObjectScanner([name, 'b'.repeat(99), 'c'.repeat(99)])).toThrow(RangeError);
  });
});
