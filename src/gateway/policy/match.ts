/** Whom a policy is for: any of the groups and the email domain; neither: everyone. */
export interface PolicyMatch {
  readonly groups: readonly string[] | undefined;
  readonly emailDomain: string | undefined;
}

export interface Person {
  readonly email: string | undefined;
  readonly groups: readonly string[];
}

function isCatchAll(match: PolicyMatch): boolean {
  return match.groups === undefined && match.emailDomain === undefined;
}

/** Groups are compared exactly; the domain is what follows the last `@`, in any case. */
export function matches(match: PolicyMatch, person: Person): boolean {
  if (match.groups && !match.groups.some((group) => person.groups.includes(group))) return false;
  return match.emailDomain === undefined || emailDomain(person) === normalisedDomain(match.emailDomain);
}

export function emailDomain({ email }: Person): string | undefined {
  const at = email?.lastIndexOf('@') ?? -1;
  return at === -1 ? undefined : email?.slice(at + 1).toLowerCase();
}

/** What applies to a person, lowest first: every catch-all in list order, then the first other policy that matches. */
export function layersFor<P extends { readonly match: PolicyMatch }>(
  policies: readonly P[],
  person: Person,
): readonly P[] {
  const bases = policies.filter(({ match }) => isCatchAll(match));
  const selected = policies.find(({ match }) => !isCatchAll(match) && matches(match, person));
  return selected ? [...bases, selected] : bases;
}

function normalisedDomain(domain: string): string {
  return domain.trim().replace(/^@/, '').toLowerCase();
}
