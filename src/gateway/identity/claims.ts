import { CodedError } from '../../kernel/coded-error.ts';

/** What the provider says about a person: an id_token's claims or userinfo. */
export type ClaimSet = Readonly<Record<string, unknown>>;

export interface ClaimNames {
  /** In order of preference; each a flat name or an RFC 6901 pointer. */
  readonly email: readonly string[];
  /** Undefined when the groups come from elsewhere. */
  readonly groups: string | undefined;
}

/** A person as the provider describes them, before admission. */
export interface Person {
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
  readonly emailVerified: unknown;
}

/** A claim by its flat name, or by RFC 6901 pointer when it begins with a slash. Undefined when absent or null. */
export function readClaim(claims: ClaimSet, name: string): unknown {
  const path = name.startsWith('/') ? name.slice(1).split('/').map(unescapeToken) : [name];
  let value: unknown = claims;
  for (const token of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return undefined;
    value = Reflect.get(value, token);
  }
  return value ?? undefined;
}

/** Whether the email or the groups claim is missing, so that userinfo has something to fill. */
export function hasGaps(claims: ClaimSet, { email, groups }: ClaimNames): boolean {
  return (
    emailOf(claims, email) === undefined || (groups !== undefined && readClaim(claims, groups) === undefined)
  );
}

/**
 * Reads a person from claim sets in order: a later set only fills what the earlier ones leave out. A groups claim that
 * is a string is one group, an absent one none. Throws `sign_in_refused` with reason `groups_overage` when the provider
 * only points to the groups, `idp_answer` when they are no list of strings.
 */
export function readPerson(sources: readonly ClaimSet[], names: ClaimNames): Person {
  const first = <T>(read: (claims: ClaimSet) => T | undefined) => firstOf(sources, read);
  return {
    email: first((claims) => emailOf(claims, names.email)),
    name: first((claims) => text(claims['name'])),
    groups: names.groups === undefined ? [] : groupsOf(sources, names.groups),
    emailVerified: first((claims) => readClaim(claims, 'email_verified')),
  };
}

function firstOf<T>(sources: readonly ClaimSet[], read: (claims: ClaimSet) => T | undefined): T | undefined {
  for (const claims of sources) {
    const value = read(claims);
    if (value !== undefined) return value;
  }
  return undefined;
}

function emailOf(claims: ClaimSet, names: readonly string[]): string | undefined {
  for (const name of names) {
    const email = text(readClaim(claims, name));
    if (email !== undefined) return email;
  }
  return undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function groupsOf(sources: readonly ClaimSet[], name: string): readonly string[] {
  const value = firstOf(sources, (claims) => readClaim(claims, name));
  if (value === undefined && sources.some((claims) => isOverage(claims, name))) throw overage();
  if (value === undefined || value === '') return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const groups = list.filter((group) => typeof group === 'string');
  if (groups.length === list.length) return [...new Set(groups)];
  throw new CodedError('idp_answer', {
    detail: `the groups claim ${name} is not a list of strings; oidc.groups_claim names another one`,
    facts: { kind: 'groups_unreadable' },
  });
}

/** Entra names groups by reference when there are too many: `_claim_names: { groups: … }` or `hasgroups`. */
function isOverage(claims: ClaimSet, name: string): boolean {
  const top = name.startsWith('/') ? unescapeToken(name.slice(1).split('/')[0] ?? '') : name;
  const references = claims['_claim_names'];
  if (typeof references === 'object' && references !== null && Object.hasOwn(references, top)) return true;
  return top === 'groups' && String(claims['hasgroups']) === 'true';
}

function overage(): CodedError {
  return new CodedError('sign_in_refused', {
    facts: { reason: 'groups_overage' },
    detail:
      'the provider left the groups out because there are too many (overage); let it send only the groups assigned to this application, or app roles with oidc.groups_claim: roles',
  });
}

function unescapeToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}
