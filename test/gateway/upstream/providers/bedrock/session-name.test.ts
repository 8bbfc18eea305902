import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  roleSessionName,
  sessionName,
} from '../../../../../src/gateway/upstream/providers/bedrock/session-name.ts';
import { many } from '../../../../support/property-runs.ts';

describe("a role session's name", () => {
  it.each([
    ['dev@example.test', 'dev@example.test'],
    ['a_b+c,d.e-f@G9', 'a_b+c,d.e-f@G9'],
    ['Zoë Müller', 'Zo=C3=AB=20M=C3=BCller'],
    ['auth0|123', 'auth0=7C123'],
    ['a=b', 'a=3Db'],
    ['x', '=78'],
    ['x'.repeat(64), 'x'.repeat(64)],
  ])('says who it is: %s', (claim, name) => {
    expect(roleSessionName(claim)).toBe(name);
  });

  it('that would be too long ends with a hash of the whole', () => {
    expect(roleSessionName('x'.repeat(65))).toMatch(/^x{47}-[0-9a-f]{16}$/);
    expect(roleSessionName(`${'x'.repeat(65)}a`)).not.toBe(roleSessionName(`${'x'.repeat(65)}b`));
    // An escape that the cut would have halved.
    expect(roleSessionName(`${'x'.repeat(46)}${'é'.repeat(9)}`)).toMatch(/^x{46}-[0-9a-f]{16}$/);
    expect(roleSessionName(`${'x'.repeat(45)}${'é'.repeat(9)}`)).toMatch(/^x{45}-[0-9a-f]{16}$/);
  });

  it('is one that STS takes, and nobody shares it', () => {
    const claim = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 90 })
      .map((text) => text.toWellFormed());
    fc.assert(
      fc.property(claim, claim, (one, two) => {
        expect(roleSessionName(one)).toMatch(/^[\w+=,.@-]{2,64}$/);
        fc.pre(one !== two);
        expect(roleSessionName(one)).not.toBe(roleSessionName(two));
      }),
      many(),
    );
  });

  it('is one for all where no claim is named, and none where the developer has no such claim', () => {
    const caller = { sub: 'dev-1', email: undefined };
    expect(sessionName(undefined, caller)).toBe('claude-apps-gateway');
    expect(sessionName('sub', caller)).toBe('dev-1');
    expect(sessionName('email', caller)).toBeUndefined();
    expect(sessionName('email', { sub: 'dev-1', email: '' })).toBeUndefined();
  });
});
