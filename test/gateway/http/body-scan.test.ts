import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScannedBody } from '../../../src/gateway/exchange.ts';
import { scanBody } from '../../../src/gateway/http/body-scan.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { bodyText, mutated, objectText, valueText } from '../../support/json-text.ts';
import { many } from '../../support/property-runs.ts';

const WATCHED = [
  'model',
  'stream',
  'max_tokens',
  'tags',
  'anthropic_version',
  'anthropic_beta',
  'safeguards',
];

const body = (text: string) => Buffer.from(text);

/** What the scanner says: `ok`, or the code it throws, with the key it names. */
function verdict(bytes: Buffer): string {
  try {
    scanBody(bytes);
    return 'ok';
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return error.facts['key'] === undefined ? error.code : `${error.code} ${error.facts['key']}`;
  }
}

/** The same judgement by other means: the platform's decoder and parser for validity, a walk over tokens for the rest. */
function expectedVerdict(bytes: Buffer): string {
  const text = decoded(bytes);
  if (text === undefined || !isObject(text)) return 'body_not_object';
  const { members, depth } = outline(text);
  if (depth > 200) return 'body_not_object';
  const keys = members.map(([key]) => key);
  const repeated = keys.find((key, i) => WATCHED.includes(key) && keys.indexOf(key) < i);
  if (repeated !== undefined) return `body_repeated_key ${repeated}`;
  const model = new Map(members).get('model');
  if (model === undefined || model === '""') return 'model_required';
  return model.startsWith('"') ? 'ok' : 'model_not_string';
}

function decoded(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Of text that is known to be JSON: top-level keys with the first token of their value, and the deepest nesting. */
function outline(text: string): {
  readonly members: (readonly [key: string, value: string])[];
  readonly depth: number;
} {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
  const members: (readonly [string, string])[] = [];
  let open = 0;
  let depth = 0;
  for (const [i, token] of tokens.entries()) {
    if (token === '{' || token === '[') open += 1;
    if (token === '}' || token === ']') open -= 1;
    depth = Math.max(depth, open);
    if (open === 1 && tokens[i + 1] === ':') members.push([String(JSON.parse(token)), tokens[i + 2] ?? '']);
  }
  return { members, depth };
}

function textOf({ bytes, members }: ScannedBody, key: string): string | undefined {
  const member = members.get(key);
  return member && bytes.toString('utf8', member.valueStart, member.valueEnd);
}

describe('the body scanner', () => {
  it('says of every JSON text what a strict parser says of it', () => {
    fc.assert(
      fc.property(fc.oneof(objectText(WATCHED), valueText(WATCHED)).map(body), (bytes) => {
        expect(verdict(bytes)).toBe(expectedVerdict(bytes));
      }),
      many(),
    );
  });

  it('says of damaged JSON what a strict parser says of it', () => {
    fc.assert(
      fc.property(mutated(objectText(WATCHED)), (bytes) => {
        expect(verdict(bytes)).toBe(expectedVerdict(bytes));
      }),
      many(),
    );
  });

  it('says of a string of telling characters what a strict parser says of it', () => {
    const unit = fc.constantFrom(
      ...'{}[]":,\\u0e-+.1 tfn\u0000\u001f\u007f'.split(''),
      'true',
      'null',
      '"model":"a"',
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 24 }), (text) => {
        for (const bytes of [
          body(text),
          body(`{"model":"a","x":${text}}`),
          body(`{"model":"a","x":"${text}"}`),
        ]) {
          expect(verdict(bytes)).toBe(expectedVerdict(bytes));
        }
      }),
      many(),
    );
  });

  it('notes where each watched member is', () => {
    fc.assert(
      fc.property(bodyText(WATCHED.slice(1)).map(body), (bytes) => {
        const scanned = scanBody(bytes);
        const value = JSON.parse(bytes.toString());
        expect([...scanned.members.keys()].sort()).toEqual(
          WATCHED.filter((key) => Object.hasOwn(value, key)).sort(),
        );
        for (const [key, { keyStart, valueStart }] of scanned.members) {
          expect(JSON.parse(textOf(scanned, key) ?? '')).toEqual(value[key]);
          const [, spelled = ''] =
            /^("(?:[^"\\]|\\.)*")\s*:\s*$/s.exec(bytes.toString('utf8', keyStart, valueStart)) ?? [];
          expect(JSON.parse(spelled)).toBe(key);
        }
        expect(scanned.model).toBe(value.model);
        expect(scanned.stream).toBe(value.stream === true);
      }),
      many(),
    );
  });

  it.each([
    ['deep arrays', (levels: number) => `{"model":"a","x":${'['.repeat(levels)}${']'.repeat(levels)}}`],
    ['deep objects', (levels: number) => `{"model":"a","x":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`],
    ['both in turn', (levels: number) => `{"model":"a","x":${nestedInTurn(levels)}}`],
  ])('takes %s up to 200 levels, the body itself among them', (_, make) => {
    expect(verdict(body(make(199)))).toBe('ok');
    expect(verdict(body(make(200)))).toBe('body_not_object');
    expect(verdict(body(make(100_000)))).toBe('body_not_object');
  });

  it('counts depth for each value anew', () => {
    const deep = `${'['.repeat(199)}${']'.repeat(199)}`;
    expect(verdict(body(`{"model":"a","x":${deep},"y":${deep},"z":[${deep.slice(1, -1)},[]]}`))).toBe('ok');
  });

  it.each([
    ['{"mod\\u0065l":"claude"}', 'claude'],
    ['{"\\u006D\\u006f\\u0064\\u0065\\u006c":"claude"}', 'claude'],
    ['{"model":"cla\\u0075de"}', 'claude'],
    ['{"model":"a\\ud83d\\ude00\\n\\/"}', 'a😀\n/'],
    ['{"x":"\\"model\\":\\"other\\"","model":"claude"}', 'claude'],
    ['{"x":"{\\"model\\":\\"other\\"}\\\\","model":"claude"}', 'claude'],
    ['{"x":{"model":"other"},"y":[{"model":"other"}],"model":"claude"}', 'claude'],
    [' \r\n\t{ \n"model"\t:\r"claude" } \n', 'claude'],
    ['{"Model":"other","model ":"other","mode":"other","models":"other","model":"claude"}', 'claude'],
  ])('reads the model of %s', (text, model) => {
    expect(scanBody(body(text)).model).toBe(model);
  });

  it.each([
    ['{"model":"a","model":"b"}', 'body_repeated_key model'],
    ['{"model":"a","mod\\u0065l":"a"}', 'body_repeated_key model'],
    ['{"mo\\u0064el":"a","model":"b"}', 'body_repeated_key model'],
    ['{"model":"a","stream":true,"stream":false}', 'body_repeated_key stream'],
    ['{"model":"a","safeguards":{},"safe\\u0067uards":{}}', 'body_repeated_key safeguards'],
    ['{"model":"a","anthropic_\\u0062eta":[],"anthropic_beta":[]}', 'body_repeated_key anthropic_beta'],
    ['{"model":"a","messages":[],"messages":[]}', 'ok'],
    ['{"x":{"model":"other"}}', 'model_required'],
    ['{"model":""}', 'model_required'],
    ['{}', 'model_required'],
    ['{"model":null}', 'model_not_string'],
    ['{"model":["claude"]}', 'model_not_string'],
    ['{"model":{"model":"claude"}}', 'model_not_string'],
  ])('judges %s as %s', (text, expected) => {
    expect(verdict(body(text))).toBe(expected);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte order mark', Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), body('{"model":"a"}')])],
    ['UTF-16', Buffer.from('{"model":"a"}', 'utf16le')],
    ['an overlong encoding', Buffer.concat([body('{"model":"a'), Buffer.of(0xc0, 0xaf), body('"}')])],
    ['an encoded surrogate', Buffer.concat([body('{"model":"a'), Buffer.of(0xed, 0xa0, 0x80), body('"}')])],
    ['a broken character', Buffer.concat([body('{"model":"a'), Buffer.of(0xe2, 0x82), body('"}')])],
    ['bytes after the object', body('{"model":"a"}x')],
    ['a second object', body('{"model":"a"}{"model":"b"}')],
    ['a null byte after the object', body('{"model":"a"}\0')],
    ['a line break in a string', body('{"model":"a\n"}')],
    ['a tab in a key', body('{"mod\tel":"a"}')],
    ['a leading zero', body('{"model":"a","x":01}')],
    ['a bare point', body('{"model":"a","x":1.}')],
    ['a plus sign', body('{"model":"a","x":+1}')],
    ['hexadecimal', body('{"model":"a","x":0x10}')],
    ['NaN', body('{"model":"a","x":NaN}')],
    ['a comment', body('{"model":"a"/**/}')],
    ['a trailing comma', body('{"model":"a",}')],
    ['single quotes', body("{'model':'a'}")],
    ['a form feed as white space', body('{"model":"a"\f}')],
    ['a no-break space as white space', body('{"model":"a"\u00a0}')],
    ['mismatched brackets', body('{"model":"a","x":[}]}')],
    ['an array', body('[{"model":"a"}]')],
    ['a string', body('"model"')],
  ])('refuses %s', (_, bytes) => {
    expect(verdict(bytes)).toBe('body_not_object');
    expect(expectedVerdict(bytes)).toBe('body_not_object');
  });

  it('is not misled by what the platform has parsed before', () => {
    // Some V8 versions read an escaped key as a key with a backslash that they have seen in the same place.
    JSON.parse('{"b":0,"mod\\\\u":1}');
    const bytes = body('{"b":0,"mod\\u0065l":"claude"}');
    JSON.parse(bytes.toString());
    expect(scanBody(bytes).model).toBe('claude');
  });

  it('finds the model at the end of 10 MB', () => {
    const text = JSON.stringify({
      messages: [{ content: `"model":"other" \\ ${'x"\\\né'.repeat(1_500_000)}` }],
    });
    const bytes = body(`${text.slice(0, -1)},"model":"claude","stream":true}`);
    expect(bytes.length).toBeGreaterThan(10_000_000);
    const scanned = scanBody(bytes);
    expect(scanned.model).toBe('claude');
    expect(scanned.stream).toBe(true);
    expect(textOf(scanned, 'model')).toBe('"claude"');
  });
});

function nestedInTurn(levels: number): string {
  const opening = Array.from({ length: levels }, (_, i) => (i % 2 === 0 ? '[' : '{"a":'));
  const closing = Array.from({ length: levels }, (_, i) => (i % 2 === 0 ? ']' : '}')).reverse();
  return `${opening.join('')}${levels % 2 === 0 ? '0' : ''}${closing.join('')}`;
}
