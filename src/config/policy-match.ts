import { z } from 'zod';
import { emailDomain, group, listOf, normalEmailDomain } from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import type { Path } from './source-problem.ts';

export const matchShape = z
  .strictObject({
    groups: listOf(group(), 'groups')
      .min(1, { error: 'must name at least one group' })
      .optional()
      .meta({
        title: 'Groups',
        description: 'Any of them; exact and case-sensitive.',
        examples: [['contractors']],
      }),
    email_domain: emailDomain()
      .optional()
      .meta({
        title: 'Email domain',
        description: 'What follows the last @ of the email address, in any case.',
        examples: ['example.com'],
      }),
  })
  .meta({ title: 'Match', description: 'Whom the policy is for; {} is everybody.' });

/** Whom a policy is for, when all of it is valid. */
interface Audience {
  readonly index: number;
  readonly groups: readonly string[] | undefined;
  readonly domain: string | undefined;
}

export interface JudgedPolicy {
  readonly match?: Valid<z.output<typeof matchShape>> | undefined;
}

const POLICIES = ['managed', 'policies'] as const;

/** Warns of policies that nobody can match, and of what several or no catch-alls mean. */
export function checkAudiences(
  policies: readonly (JudgedPolicy | undefined)[],
  allowedDomains: readonly (string | undefined)[] | undefined,
  report: Report,
): void {
  const audiences = policies.flatMap((policy, index) => audienceOf(policy, index, report) ?? []);
  const isComplete = audiences.length === policies.length;
  const specific = audiences.filter((audience) => !isEverybody(audience));
  const catchAlls = audiences.filter(isEverybody);
  for (const [order, audience] of specific.entries()) {
    const path: Path = [...POLICIES, audience.index, 'match'];
    const earlier = specific.slice(0, order).find((candidate) => covers(candidate, audience));
    if (earlier)
      report.warning(
        path,
        `can match nobody: managed.policies[${earlier.index}] matches all of them first`,
        'move it before that one, or remove it',
      );
    else if (isShutOut(audience, allowedDomains))
      report.warning(
        [...path, 'email_domain'],
        'can match nobody: oidc.allowed_email_domains lets nobody with it sign in',
        'correct one of the two',
      );
  }
  for (const { index } of catchAlls.slice(1))
    report.warning(
      [...POLICIES, index, 'match'],
      `is a second one for everybody; it is merged onto managed.policies[${catchAlls[0]?.index}]`,
      'keep one policy with match: {}',
    );
  if (isComplete && policies.length > 0 && catchAlls.length === 0)
    report.warning(
      POLICIES,
      'has no policy for everybody: people whom none matches may use every model',
      'add - { match: {}, cli: { availableModels: [...] } }',
    );
}

/** The policies for everybody and the others, as indices; undefined where it is not known of one whom it is for. */
export function audiencesOf(
  policies: readonly (JudgedPolicy | undefined)[],
  report: Report,
): { readonly forAll: readonly number[]; readonly forSome: readonly number[] } | undefined {
  const audiences = policies.flatMap((policy, index) => audienceOf(policy, index, report) ?? []);
  if (audiences.length < policies.length) return undefined;
  const indices = (some: readonly Audience[]) => some.map(({ index }) => index);
  return {
    forAll: indices(audiences.filter(isEverybody)),
    forSome: indices(audiences.filter((audience) => !isEverybody(audience))),
  };
}

function audienceOf(policy: JudgedPolicy | undefined, index: number, report: Report): Audience | undefined {
  const match = policy?.match;
  const isGiven = (key: string) => report.has([...POLICIES, index, 'match', key]);
  if (!match) return undefined;
  if (isGiven('groups') && (!match.groups || match.groups.includes(undefined))) return undefined;
  if (isGiven('email_domain') && match.email_domain === undefined) return undefined;
  return {
    index,
    groups: match.groups?.filter((name) => name !== undefined),
    domain: match.email_domain === undefined ? undefined : normalEmailDomain(match.email_domain),
  };
}

function isEverybody({ groups, domain }: Audience): boolean {
  return groups === undefined && domain === undefined;
}

/** Whether everybody whom the second matches is matched by the first. */
function covers(first: Audience, second: Audience): boolean {
  const { groups } = first;
  const coversGroups = groups === undefined || second.groups?.every((name) => groups.includes(name)) === true;
  return coversGroups && (first.domain === undefined || first.domain === second.domain);
}

function isShutOut({ domain }: Audience, allowed: readonly (string | undefined)[] | undefined): boolean {
  if (domain === undefined || !allowed || allowed.length === 0) return false;
  return allowed.every((entry) => entry !== undefined && normalEmailDomain(entry) !== domain);
}
