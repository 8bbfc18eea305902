import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClaimSet, hasGaps, readClaim, readPerson } from '../../../src/gateway/identity/claims.ts';
import { many } from '../../support/property-runs.ts';

const names = { email: ['email'], groups: 'groups' };
const groupsOf = (claims: ClaimSet, groups = 'groups') => readPerson([claims], { ...names, groups }).groups;

describe('a claim', () => {
  it.each<[string, ClaimSet, unknown]>([
    ['email', { email: 'a@example.test' }, 'a@example.test'],
    ['https://example.test/groups', { 'https://example.test/groups': ['a'] }, ['a']],
    ['/realm/roles', { realm: { roles: ['a'] } }, ['a']],
    ['/emails/0', { emails: ['a@example.test'] }, 'a@example.test'],
    ['/a~1b/c~0d', { 'a/b': { 'c~d': 1 } }, 1],
    ['/~01', { '~1': 'tilde one' }, 'tilde one'],
    ['/realm/roles', { '/realm/roles': 'flat' }, undefined],
    ['realm.roles', { realm: { roles: ['a'] } }, undefined],
    ['/realm/missing', { realm: {} }, undefined],
    ['/email/length', { email: 'text' }, undefined],
    ['email', { email: null }, undefined],
    ['constructor', {}, undefined],
    ['/__proto__/constructor', {}, undefined],
    ['/list/length', { list: [] }, 0],
  ])('%s of %j is %j', (name, claims, expected) => {
    expect(readClaim(claims, name)).toEqual(expected);
  });

  it('is found by pointer wherever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), fc.string(), (path, value) => {
        const claims = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
        const pointer = path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
        // A literal `__proto__` key sets the prototype; JSON.parse does not.
        fc.pre(!path.includes('__proto__'));
        expect(readClaim(claims as ClaimSet, pointer)).toBe(value);
      }),
      many(),
    );
  });
});

describe('groups', () => {
  it.each<[ClaimSet, readonly string[]]>([
    [{ groups: ['a', 'b', 'a'] }, ['a', 'b']],
    [{ groups: 'only one' }, ['only one']],
    [{ groups: [] }, []],
    [{ groups: '' }, []],
    [{ groups: null }, []],
    [{}, []],
  ])('%j are %j', (claims, expected) => {
    expect(groupsOf(claims)).toEqual(expected);
  });

  it.each([{ groups: [{ id: 'a' }] }, { groups: { a: true } }, { groups: 7 }, { groups: ['a', null] }])(
    '%j are no groups and not none either',
    (claims) => {
      expect(() => groupsOf(claims)).toThrow(/idp_answer: the groups claim groups/);
    },
  );

  it.each<[ClaimSet, string]>([
    [{ _claim_names: { groups: 'src1' }, _claim_sources: {} }, 'groups'],
    [{ hasgroups: true }, 'groups'],
    [{ hasgroups: 'true' }, '/groups'],
    [{ _claim_names: { roles: 'src1' } }, '/roles/0'],
  ])('left out of %j because of their number are refused', (claims, name) => {
    expect(() => groupsOf(claims, name)).toThrow(/sign_in_refused.*overage/);
  });

  it.each<[ClaimSet, string]>([
    [{ hasgroups: true }, 'roles'],
    [{ _claim_names: { groups: 'src1' } }, 'roles'],
    [{ hasgroups: false }, 'groups'],
    [{ groups: ['a'], _claim_names: { address: 'src1' } }, 'groups'],
  ])('of %j under the name %s are as they are', (claims, name) => {
    expect(groupsOf(claims, name)).toEqual(name in claims ? ['a'] : []);
  });

  it('that come from elsewhere are not looked for', () => {
    const person = readPerson([{ hasgroups: true, groups: 7 }], { ...names, groups: undefined });
    expect(person.groups).toEqual([]);
    expect(hasGaps({ email: 'a@example.test' }, { ...names, groups: undefined })).toBe(false);
  });
});

describe('a person', () => {
  it('has the first email that is there', () => {
    const email = ['email', '/identities/0/mail', 'upn'];
    const read = (claims: ClaimSet) => readPerson([claims], { ...names, email }).email;
    expect(read({ email: '', identities: [{ mail: 'b@example.test' }], upn: 'c' })).toBe('b@example.test');
    expect(read({ email: 7, upn: ' c@example.test ' })).toBe('c@example.test');
    expect(read({ email: [] })).toBeUndefined();
  });

  it('is read from later sources only where earlier ones are silent', () => {
    const idToken = { email: 'first@example.test', groups: [] };
    const userInfo = { email: 'second@example.test', groups: ['b'], name: 'B', email_verified: false };
    expect(readPerson([idToken, userInfo], names)).toEqual({
      email: 'first@example.test',
      name: 'B',
      groups: [],
      emailVerified: false,
    });
  });

  it('has gaps without email or groups', () => {
    expect(hasGaps({ email: 'a@example.test', groups: [] }, names)).toBe(false);
    expect(hasGaps({ email: 'a@example.test' }, names)).toBe(true);
    expect(hasGaps({ groups: [] }, names)).toBe(true);
  });
});
