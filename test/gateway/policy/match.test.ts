import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emailDomain,
  layersFor,
  matches,
  type Person,
  type PolicyMatch,
} from '../../../src/gateway/policy/match.ts';
import { many } from '../../support/property-runs.ts';

const match = (groups?: string[], domain?: string): PolicyMatch => ({ groups, emailDomain: domain });
const person = (email?: string, ...groups: string[]): Person => ({ email, groups });

interface Document {
  readonly [key: string]: string;
}
const policy = (condition: PolicyMatch, document: Document) => ({ match: condition, document });
const select = (policies: readonly ReturnType<typeof policy>[], who: Person): Document | undefined => {
  const layers = layersFor(policies, who).map(({ document }) => document);
  return layers.length === 0 ? undefined : Object.assign({}, ...layers);
};

describe('a matcher', () => {
  it.each<[string, PolicyMatch, Person, boolean]>([
    ['of nothing takes everybody', match(), person(), true],
    ['of groups takes any of them', match(['a', 'b']), person(undefined, 'x', 'b'), true],
    ['of groups takes nobody else', match(['a', 'b']), person(undefined, 'x', 'c'), false],
    ['of groups takes nobody without groups', match(['a']), person('a@a'), false],
    ['of groups goes by their case', match(['eng-contractors']), person(undefined, 'Eng-Contractors'), false],
    ['of groups wants the whole name', match(['eng']), person(undefined, 'engineering'), false],
    ['of a domain goes by no case', match(undefined, 'example.com'), person('Ann@EXAMPLE.com'), true],
    [
      'of a domain takes what follows the last @',
      match(undefined, 'example.com'),
      person('a@evil.com@example.com'),
      true,
    ],
    [
      'of a domain is not fooled by an earlier @',
      match(undefined, 'evil.com'),
      person('a@evil.com@example.com'),
      false,
    ],
    ['of a domain takes no sub-domain', match(undefined, 'example.com'), person('a@sub.example.com'), false],
    ['of a domain takes no longer name', match(undefined, 'example.com'), person('a@notexample.com'), false],
    ['of a domain takes nothing without an @', match(undefined, 'example.com'), person('example.com'), false],
    ['of a domain takes nobody without an email', match(undefined, 'example.com'), person(), false],
    [
      'of a domain may be written with white space and an @',
      match(undefined, ' @Example.com '),
      person('a@example.com'),
      true,
    ],
    [
      'of both wants both: the domain is missing',
      match(['a'], 'example.com'),
      person('x@other.com', 'a'),
      false,
    ],
    [
      'of both wants both: the group is missing',
      match(['a'], 'example.com'),
      person('x@example.com', 'b'),
      false,
    ],
    ['of both takes who has both', match(['a'], 'example.com'), person('x@example.com', 'a'), true],
  ])('%s', (_what, condition, who, isMatch) => {
    expect(matches(condition, who)).toBe(isMatch);
  });

  it('takes no notice of the order of groups', () => {
    const groups = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 });
    fc.assert(
      fc.property(groups, groups, (wanted, own) => {
        const isMatch = matches(match(wanted), person(undefined, ...own));
        expect(matches(match(wanted.toReversed()), person(undefined, ...own.toReversed()))).toBe(isMatch);
        expect(isMatch).toBe(wanted.some((group) => own.includes(group)));
      }),
      many(),
    );
  });

  it('knows the domain of any address, or that it has none', () => {
    expect(emailDomain(person('a@B.example'))).toBe('b.example');
    expect(emailDomain(person('a@'))).toBe('');
    expect(emailDomain(person('a'))).toBeUndefined();
  });
});

describe('the policy of a person', () => {
  const ofA = policy(match(['a']), { model: 'sonnet' });
  const ofB = policy(match(['b']), { model: 'opus', language: 'de' });
  const base = policy(match(), { model: 'haiku', env: 'base' });

  it.each<[string, Parameters<typeof select>[0], Person, Document | undefined]>([
    [
      'is the first in the list, whatever the order of groups',
      [ofA, ofB],
      person(undefined, 'b', 'a'),
      { model: 'sonnet' },
    ],
    [
      'is one: others that match do not stack',
      [ofB, ofA],
      person(undefined, 'a', 'b'),
      { model: 'opus', language: 'de' },
    ],
    ['lies on the catch-all', [ofA, base], person(undefined, 'a'), { model: 'sonnet', env: 'base' }],
    [
      'lies on the catch-all wherever that stands',
      [base, ofA],
      person(undefined, 'a'),
      { model: 'sonnet', env: 'base' },
    ],
    [
      'is the catch-all when nothing else matches',
      [ofA, base],
      person(undefined, 'z'),
      { model: 'haiku', env: 'base' },
    ],
    ['is none when nothing matches', [ofA], person(undefined, 'z'), undefined],
    ['is none when there is none', [], person(undefined, 'a'), undefined],
    [
      'lies on all catch-alls, merged in their order',
      [policy(match(), { model: 'first', a: '1' }), ofB, policy(match(), { model: 'second', b: '2' })],
      person(),
      { model: 'second', a: '1', b: '2' },
    ],
  ])('%s', (_what, policies, who, document) => {
    expect(select(policies, who)).toEqual(document);
  });
});
