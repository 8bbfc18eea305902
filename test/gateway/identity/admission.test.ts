import { describe, expect, it } from 'vitest';
import { type AdmissionOptions, createAdmission } from '../../../src/gateway/identity/admission.ts';
import { isCodedError } from '../../../src/kernel/coded-error.ts';

const ada = { email: 'ada@example.test', name: 'Ada', groups: ['eng'], emailVerified: undefined as unknown };

/** The reason of the refusal, or `admitted`. */
function verdict(options: AdmissionOptions, person: Partial<typeof ada> | { email: undefined }): unknown {
  try {
    createAdmission(options)({ ...ada, ...person });
    return 'admitted';
  } catch (error) {
    return isCodedError(error, 'sign_in_refused') ? error.facts['reason'] : error;
  }
}

describe('admission', () => {
  it.each<[unknown, string]>([
    [false, 'email_not_verified'],
    ['false', 'email_not_verified'],
    ['False', 'email_not_verified'],
    [true, 'admitted'],
    ['true', 'admitted'],
    [undefined, 'admitted'],
  ])('with email_verified %j is %s', (emailVerified, expected) => {
    expect(verdict({}, { emailVerified })).toBe(expected);
  });

  it.each<[string | undefined, string]>([
    ['ada@example.test', 'admitted'],
    ['Ada@EXAMPLE.Test', 'admitted'],
    ['"a@b"@example.test', 'admitted'],
    ['ada@example.test@evil.test', 'email_domain_not_allowed'],
    ['ada@sub.example.test', 'email_domain_not_allowed'],
    ['ada@notexample.test', 'email_domain_not_allowed'],
    ['example.test', 'email_domain_not_allowed'],
    ['@example.test', 'email_domain_not_allowed'],
    ['ada@', 'email_domain_not_allowed'],
    [undefined, 'email_missing'],
  ])('of %s to example.test is %s', (email, expected) => {
    expect(verdict({ allowedEmailDomains: ['Example.TEST'] }, { email } as { email: undefined })).toBe(
      expected,
    );
  });

  it('reads a domain written with its @', () => {
    expect(verdict({ allowedEmailDomains: ['@example.test'] }, {})).toBe('admitted');
  });

  it.each<[readonly string[], string]>([
    [['eng'], 'admitted'],
    [['other', 'eng'], 'admitted'],
    [['Eng'], 'groups_not_allowed'],
    [['en'], 'groups_not_allowed'],
    [[], 'groups_not_allowed'],
  ])('of somebody in eng where %j may enter is %s', (allowedGroups, expected) => {
    expect(verdict({ allowedGroups }, {})).toBe(expected);
  });

  it('asks for nothing when nothing is set', () => {
    expect(verdict({}, { email: undefined, groups: [] } as { email: undefined })).toBe('admitted');
  });

  it('names neither the address nor the groups of whom it refuses', () => {
    for (const options of [{ allowedEmailDomains: ['corp.test'] }, { allowedGroups: ['ops'] }]) {
      expect(() => createAdmission(options)(ada)).toThrow(/^(?!.*(ada|example|eng\b)).*$/);
    }
  });
});
