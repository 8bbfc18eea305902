import { CodedError } from '../../kernel/coded-error.ts';
import type { Person } from './claims.ts';

export interface AdmissionOptions {
  /** Compared without regard to case with what follows the last `@`. Undefined: everybody, also without an email. */
  readonly allowedEmailDomains?: readonly string[] | undefined;
  /** Exact and case-sensitive; one of them is enough. Undefined: everybody. */
  readonly allowedGroups?: readonly string[] | undefined;
}

/** Throws `sign_in_refused` with facts.reason for a person who may not sign in. */
export type Admit = (person: Person) => void;

/** Who may sign in, asked at sign-in and at every refresh. */
export function createAdmission({ allowedEmailDomains, allowedGroups }: AdmissionOptions): Admit {
  const domains = allowedEmailDomains && new Set(allowedEmailDomains.map(normalDomain));
  const groups = allowedGroups && new Set(allowedGroups);

  return ({ email, emailVerified, groups: own }) => {
    if (emailVerified === false || String(emailVerified).toLowerCase() === 'false')
      throw refusal('email_not_verified', 'the provider says that the email address is not verified');
    if (domains) {
      if (email === undefined) throw refusal('email_missing', 'id_token missing email claim');
      const at = email.lastIndexOf('@');
      if (at < 1 || !domains.has(normalDomain(email.slice(at + 1))))
        throw refusal('email_domain_not_allowed', 'email domain not allowed');
    }
    if (groups && !own.some((group) => groups.has(group)))
      throw refusal('groups_not_allowed', 'none of the groups is in oidc.allowed_groups');
  };
}

function normalDomain(domain: string): string {
  return domain.trim().replace(/^@/, '').toLowerCase();
}

function refusal(reason: string, detail: string): CodedError {
  return new CodedError('sign_in_refused', { facts: { reason }, detail });
}
