import fc from 'fast-check';

/** JSON as no serialiser would write it: odd white space, needless escapes, lone surrogates, repeated keys. */
const space = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 }),
);

const stringPiece = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t'),
  fc.constantFrom('\\u0041', '\\u00e9', '\\u00E9', '\\ud83d\\ude00', '\\ud800', '\\udc00', '\\u0000'),
  fc.constantFrom('model', '\u007f', '\u2028', 'é', '漢', '😀', "'", '{', '}', '[', ']', ',', ':'),
);

export const stringText = fc.array(stringPiece, { maxLength: 4 }).map((pieces) => `"${pieces.join('')}"`);

export const numberText = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('0', '-0', '0.0', '-0.5e-10', '1E+2', '1e02', '123456789012345678901234567890', '1e999'),
);

/** Writes a key in one of the ways that mean the same to a parser. */
function spellings(key: string): fc.Arbitrary<string> {
  const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return fc
    .array(fc.boolean(), { minLength: key.length, maxLength: key.length })
    .map((flags) => `"${[...key].map((char, i) => (flags[i] ? escaped(char) : char)).join('')}"`);
}

const keyText = (keys: readonly string[]) =>
  fc.oneof(
    fc.constantFrom(...keys).map((key) => `"${key}"`),
    fc.constantFrom(...keys).chain(spellings),
    // V8 mistakes escaped keys for a key that holds a backslash once it has seen such a one: no oracle for those.
    stringText.filter((text) => !text.includes('\\\\')),
  );

function member(keys: readonly string[], value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(space, keyText(keys), space, space, value, space)
    .map(([a, key, b, c, text, d]) => `${a}${key}${b}:${c}${text}${d}`);
}

function list(open: string, close: string, item: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(space, fc.array(item, { maxLength: 5 }))
    .map(([empty, items]) => `${open}${items.length === 0 ? empty : items.join(',')}${close}`);
}

/** Any JSON value; `keys` are the names that its objects use often. */
export function valueText(keys: readonly string[]): fc.Arbitrary<string> {
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(stringText, numberText, fc.constantFrom('true', 'false', 'null')),
      list('{', '}', member(keys, tie('value'))),
      list(
        '[',
        ']',
        fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
      ),
    ),
  }));
  return value;
}

/** An object whose members are often among `keys`, with white space around it. */
export function objectText(keys: readonly string[]): fc.Arbitrary<string> {
  const members = list('{', '}', member(keys, valueText(keys)));
  return fc.tuple(space, members, space).map((parts) => parts.join(''));
}

/** A body as the gateway gets it: `model`, some of the `optional` members, others between them, each once, however spelled. */
export function bodyText(optional: readonly string[]): fc.Arbitrary<string> {
  const value = valueText(['model', ...optional]);
  const modelMember = fc
    .tuple(space, spellings('model'), space, space, stringText, space)
    .map(([a, key, b, c, text, d]) => `${a}${key}${b}:${c}${text === '""' ? '"m"' : text}${d}`);
  const others = fc.uniqueArray(fc.constantFrom('a', 'b', 'messages', 'models', 'x"model"'), {
    maxLength: 3,
  });
  return fc.tuple(fc.subarray([...optional]), others, modelMember).chain(([watched, names, model]) => {
    const rest = [...watched, ...names.map((name) => JSON.stringify(name).slice(1, -1))].map((name) =>
      fc
        .tuple(
          space,
          watched.includes(name) ? spellings(name) : fc.constant(`"${name}"`),
          space,
          value,
          space,
        )
        .map(([a, key, b, text, c]) => `${a}${key}${b}:${text}${c}`),
    );
    const members = fc.tuple(fc.constant(model), ...rest);
    return fc
      .tuple(
        space,
        members.chain((all) => fc.shuffledSubarray(all, { minLength: all.length })),
        space,
      )
      .map(([before, all, after]) => `${before}{${all.join(',')}}${after}`);
  });
}

const telling = [
  0x00, 0x1f, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x3a, 0x5b, 0x5c, 0x5d, 0x65, 0x75, 0x7b, 0x7d,
];

/** The bytes with one to three of them changed, taken out or added; most bodies do not survive it as JSON. */
export function mutated(text: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const byte = fc.oneof(fc.constantFrom(...telling), fc.integer({ min: 0, max: 255 }));
  const change = fc.record({ kind: fc.constantFrom('set', 'drop', 'add', 'cut'), at: fc.nat(), byte });
  return fc.tuple(text, fc.array(change, { minLength: 1, maxLength: 3 })).map(([original, changes]) => {
    let bytes = Buffer.from(original);
    for (const { kind, at, byte: value } of changes) {
      const place = at % (bytes.length + 1);
      const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
      if (kind === 'set') bytes = Buffer.concat([head, Buffer.of(value), tail.subarray(1)]);
      if (kind === 'drop') bytes = Buffer.concat([head, tail.subarray(1)]);
      if (kind === 'add') bytes = Buffer.concat([head, Buffer.of(value), tail]);
      if (kind === 'cut') bytes = head;
    }
    return bytes;
  });
}
