// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Document, parse, parseDocument } from 'yaml';
import { addFirst, findSigningSecrets, keepFirst } from '../../src/config/rotate.ts';
import { maskedDiff } from '../../src/config/rotate-diff.ts';
import { few } from '../support/property-runs.ts';

/** Any text that YAML can hold on some lines, with what trips up careless editors in it. */
const secretText = fc.oneof(
  fc.string({ minLength: 1, maxLength: 60 }),
  fc.stringMatching(/^[-#:{}[\],&*!|>'"%@` \n\t$~0-9a-z]{1,40}$/),
  fc.constantFrom('${SECRET}', '${file:/run/secrets/jwt}', '# no comment', '- no item', 'a\nb', 'null', '1'),
);

const config = fc
  .record({
    secrets: fc.oneof(secretText, fc.array(secretText, { minLength: 1, maxLength: 4 })),
    collectionStyle: fc.constantFrom('any', 'block', 'flow' as const),
    defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL' as const),
    indent: fc.integer({ min: 1, max: 6 }),
    indentSeq: fc.boolean(),
    lineWidth: fc.constantFrom(0, 30, 80),
    crlf: fc.boolean(),
    comment: fc.option(fc.stringMatching(/^[ -~]{1,30}$/)),
  })
  .map(({ secrets, collectionStyle, defaultStringType, indent, indentSeq, lineWidth, crlf, comment }) => {
    const value = {
      listen: { port: 8080 },
      session: { ttl_hours: 2, jwt_secret: secrets, refresh_ttl_days: 3 },
      upstreams: [{ provider: 'anthropic' }],
    };
    const document = new Document(value);
    if (comment !== null) document.commentBefore = comment;
    const text = document.toString({
      collectionStyle,
      defaultStringType,
      indent,
      indentSeq,
      lineWidth,
    } as const);
    return crlf ? text.replaceAll('\n', '\r\n') : text;
  })
  .filter(isYaml);

/** With an indent of one the library writes some block scalars so that no parser, its own neither, reads them. */
function isYaml(text: string): boolean {
  return parseDocument(text).errors.length === 0;
}

describe('every way to write the file', () => {
  it('gets a new first secret and keeps everything else', () => {
    fc.assert(
      fc.property(config, fc.constantFrom('${NEW}', '${file:/new file}', 'Q2hlY2tlZA-_0'), (text, added) => {
        const before = parse(text);
        const longer = addFirst(text, added, 1_800_000_000_000);
        const after = parse(longer);
        expect(after).toEqual({
          ...before,
          session: { ...before.session, jwt_secret: [added, ...[before.session.jwt_secret].flat()] },
        });
        expect(findSigningSecrets(longer).entries[0].sinceMs).toBe(1_800_000_000_000);

        expect(parse(keepFirst(longer))).toEqual({
          ...before,
          session: { ...before.session, jwt_secret: [added] },
        });
      }),
      few(2_000),
    );
  });

  it('shows no secret in the diff', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9_-]{32,43}$/);
    fc.assert(
      fc.property(fc.array(secret, { minLength: 1, maxLength: 3 }), secret, (old, added) => {
        const text = new Document({ session: { jwt_secret: old.length === 1 ? old[0] : old } }).toString();
        const longer = addFirst(text, added, 0);
        const adding = maskedDiff(text, longer);
        const finishing = maskedDiff(longer, keepFirst(longer));
        expect([...old, added].filter((value) => `${adding}${finishing}`.includes(value))).toEqual([]);
        expect(adding).toMatch(/^\+ .*\[secret\] # signs since 1970-01-01T00:00:00Z$/m);
        expect(finishing.match(/^- .*\[secret\]$/gm)).toHaveLength(old.length);
      }),
      few(2_000),
    );
  });
});
