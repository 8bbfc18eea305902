/** Whom a policy is for: any of the groups and the email domain; neither: everyone. */
export interface PolicyMatch {
  readonly groups: readonly string[] | undefined;
  readonly emailDomain: string | undefined;
}

export interface Person {
  readonly email: string | undefined;
  readonly groups: readonly string[];
}

export function isCatchAll(match: PolicyMatch): boolean {
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

/** The first policy that is not a catch-all and matches, merged onto the catch-alls by `merge`; undefined when nothing applies. */
export function selectPolicy<P extends { readonly match: PolicyMatch }, D>(
  policies: readonly P[],
  person: Person,
  documentOf: (policy: P) => D,
  merge: (base: D, override: D) => D,
): D | undefined {
  const bases = policies.filter(({ match }) => isCatchAll(match));
  const selected = policies.find(({ match }) => !isCatchAll(match) && matches(match, person));
  const layers = [...bases, ...(selected ? [selected] : [])].map(documentOf);
  const [first, ...rest] = layers;
  return first === undefined ? undefined : rest.reduce(merge, first);
}

function normalisedDomain(domain: string): string {
  return domain.trim().replace(/^@/, '').toLowerCase();
}
