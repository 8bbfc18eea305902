import { z } from 'zod';
import { checkDesktop, desktopShape } from './desktop.ts';
import { choice, listOf } from './fields.ts';
import type { JudgedCatalog } from './judged-catalog.ts';
import { createNearest } from './nearest.ts';
import { checkAudiences, matchShape } from './policy-match.ts';
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

/** What a policy says about models. */
export interface AllowList {
  readonly availableModels: readonly string[];
  readonly availableModelsMatch: string | undefined;
  readonly deniedModels: readonly string[] | undefined;
}

export interface AllowListVerdict {
  /** Entries that name no model. */
  readonly unknownEntries: readonly string[];
  /** Entries of which no upstream of the file serves any model. */
  readonly unservedEntries: readonly string[];
  /** Whether one of the models is allowed that clients start with unless told otherwise. */
  readonly allowsUsualModel: boolean;
}

export type AllowListJudge = (list: AllowList) => AllowListVerdict;

/** Judges allow-lists by the models there are, which the gateway knows. */
export type JudgeAllowList = (catalog: JudgedCatalog) => AllowListJudge;

type Managed = Valid<z.output<typeof managedShape>>;

export function checkManaged(
  managed: Managed | undefined,
  allowedDomains: readonly (string | undefined)[] | undefined,
  judge: AllowListJudge | undefined,
  report: Report,
): void {
  const policies = managed?.policies ?? [];
  checkAudiences(policies, allowedDomains, report);
  checkDocumentNames(policies.length, report);
  const isSteeredByAll = policies.some((policy) => policy && isForAll(policy) && isSteered(policy));
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
    if (policy) checkAllowList(policy, index, isSteeredByAll, judge, report);
  }
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

function isForAll({ match }: SeenPolicy): boolean {
  return match !== undefined && match.groups === undefined && match.email_domain === undefined;
}

/** Whether clients are told which model to start with. */
function isSteered(policy: SeenPolicy): boolean {
  const { model, enforceAvailableModels } = settingsOf(policy);
  return model !== undefined || enforceAvailableModels === true;
}

function checkAllowList(
  policy: SeenPolicy,
  index: number,
  isSteeredByAll: boolean,
  judge: AllowListJudge | undefined,
  report: Report,
): void {
  const name = DOCUMENTS.find((candidate) => policy[candidate] !== undefined);
  const settings = settingsOf(policy);
  const entries = settings.availableModels;
  if (name === undefined || !entries || entries.includes(undefined)) return;
  const known = entries.filter((entry) => entry !== undefined);
  const path = ['managed', 'policies', index, name, 'availableModels'];
  if (known.length === 0) {
    report.warning(
      path,
      'is empty: whom this policy matches may use no model',
      'list models, or remove the key for all',
    );
    return;
  }
  if (!judge) return;
  const verdict = judge({
    availableModels: known,
    availableModelsMatch: settings.availableModelsMatch,
    deniedModels: settings.deniedModels?.filter((entry) => entry !== undefined),
  });
  const unknown = new Set(verdict.unknownEntries);
  const unserved = new Set(verdict.unservedEntries);
  for (const [at, entry] of known.entries()) {
    if (unknown.has(entry))
      report.warning(
        [...path, at],
        `names no model of the catalog, found ${JSON.stringify(entry)}`,
        'see `sallyport models`, or add it under models:',
      );
    else if (unserved.has(entry))
      report.warning(
        [...path, at],
        `names only models that no upstream can serve, found ${JSON.stringify(entry)}`,
        'add an upstream that can, or map the model in upstream_model under models:',
      );
  }
  if (!isSteeredByAll && !isSteered(policy) && unknown.size < known.length && !verdict.allowsUsualModel)
    report.warning(
      path,
      'leaves out every model that clients start with: their first request is refused',
      'set model: to one of the list, or enforceAvailableModels: true',
    );
}
