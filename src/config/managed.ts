import { z } from 'zod';
import { checkDesktop, desktopShape } from './desktop.ts';
import { choice, listOf } from './fields.ts';
import { checkModelLists, decidingOf, type ModelListsJudge, type SettingsAt } from './model-lists.ts';
import { createNearest } from './nearest.ts';
import { audiencesOf, checkAudiences, matchShape } from './policy-match.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import { checkSettings, settingsShape } from './settings.ts';
import type { Path } from './source-problem.ts';

const policyShape = z
  .strictObject({
    match: matchShape,
    cli: settingsShape.optional(),
    settings: settingsShape.optional().meta({ title: 'Settings', description: 'Older name of cli.' }),
    code: settingsShape.optional().meta({
      title: 'Settings',
      description: "Newer name of cli; beside desktop it also reaches Claude Desktop's code sessions.",
    }),
    desktop: desktopShape.optional(),
  })
  .meta({ title: 'Policy', description: 'What the developers it matches may use.' });

export const managedShape = z
  .strictObject({
    unknown_keys: choice('error', 'warn').default('error').meta({
      title: 'Unknown settings',
      description: 'What to do about a settings key that this version does not know.',
    }),
    policies: listOf(policyShape, 'policies').default([]).meta({
      title: 'Policies',
      description: 'The first that matches a developer counts, merged onto the ones with match: {}.',
    }),
  })
  .meta({ title: 'Managed settings', description: 'Which developers may use what.' });

export type Policy = z.output<typeof policyShape>;

const DOCUMENTS = ['code', 'cli', 'settings'] as const;

/** A policy's settings document, under whichever of its three names. */
export function settingsOf<P extends Pick<Policy, (typeof DOCUMENTS)[number]> | Valid<Policy>>(
  policy: P,
): NonNullable<P['cli']> {
  return policy.code ?? policy.cli ?? policy.settings ?? {};
}

type Managed = Valid<z.output<typeof managedShape>>;

export function checkManaged(
  managed: Managed | undefined,
  allowedDomains: readonly (string | undefined)[] | undefined,
  judge: ModelListsJudge | undefined,
  report: Report,
): void {
  const policies = managed?.policies ?? [];
  checkAudiences(policies, allowedDomains, report);
  checkDocumentNames(policies.length, report);
  const unknownKeys = managed?.unknown_keys ?? 'error';
  const values = { report, near: createNearest() };
  for (const [index, policy] of policies.entries()) {
    const path = ['managed', 'policies', index];
    for (const name of DOCUMENTS) {
      const document = policy?.[name];
      if (document) checkSettings(document, [...path, name], unknownKeys, values);
    }
    if (policy?.desktop) checkDesktop(policy.desktop, [...path, 'desktop'], values);
    checkReach(path, report);
  }
  checkMerged(policies, judge, report);
}

/** Under its older names the document is meant for Claude Code alone. */
function checkReach(path: Path, report: Report): void {
  if (!report.has([...path, 'desktop'])) return;
  const name = DOCUMENTS.find((candidate) => report.has([...path, candidate]));
  if (name === undefined || name === 'code') return;
  report.warning(
    [...path, name],
    'stands beside desktop:, and is the name of a document for Claude Code alone',
    "call it code: in all policies if it is meant for Claude Desktop's code sessions too",
  );
}

/** `code` beside `cli` or `settings` stops boot, wherever they stand; so do two names in one policy. */
function checkDocumentNames(count: number, report: Report): void {
  const used = Array.from({ length: count }, (_, index) => ({
    index,
    names: DOCUMENTS.filter((name) => report.has(['managed', 'policies', index, name])),
  }));
  const older = used.find(({ names }) => names.some((name) => name !== 'code'));
  for (const { index, names } of used) {
    const path = ['managed', 'policies', index];
    if (names.includes('code') && older) {
      const other = names.find((name) => name !== 'code') ?? older.names.find((name) => name !== 'code');
      report.error(
        [...path, 'code'],
        `is the newer name of ${other}, which managed.policies[${older.index}] uses: the two do not mix`,
        'use one name in all policies',
      );
    } else if (names.length > 1)
      report.error(
        [...path, 'settings'],
        'is the older name of cli, which stands beside it',
        'merge the two',
      );
  }
}

type SeenPolicy = NonNullable<NonNullable<Managed['policies']>[number]>;

/** Undefined where the document has no valid form at all. */
function settingsAt(policy: SeenPolicy, index: number, report: Report): SettingsAt | undefined {
  const path = ['managed', 'policies', index];
  const name = DOCUMENTS.find((candidate) => report.has([...path, candidate])) ?? 'code';
  if (report.has([...path, name]) && policy[name] === undefined) return undefined;
  return { path: [...path, name], settings: policy[name] ?? {} };
}

/** Judges what applies to somebody: the policies for everybody, and each other one merged onto them. */
function checkMerged(
  policies: readonly (SeenPolicy | undefined)[],
  judge: ModelListsJudge | undefined,
  report: Report,
): void {
  const audiences = audiencesOf(policies, report);
  const documents = policies.map((policy, index) => policy && settingsAt(policy, index, report));
  const deciding = (indices: readonly number[]) =>
    decidingOf(
      indices.flatMap((index) => documents[index] ?? []),
      report,
    );
  if (!audiences || documents.includes(undefined)) return;
  const base = deciding(audiences.forAll);
  checkModelLists(new Map(), base, judge, report);
  for (const index of audiences.forSome) checkModelLists(base, deciding([index]), judge, report);
}
