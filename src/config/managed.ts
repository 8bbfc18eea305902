import { z } from 'zod';
import { choice, emailDomain, group, listOf } from './fields.ts';
import { settingsShape } from './settings.ts';

const matchShape = z
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

const policyShape = z
  .strictObject({
    match: matchShape,
    cli: settingsShape.optional(),
    settings: settingsShape.optional().meta({ title: 'Settings', description: 'Older name of cli.' }),
    code: settingsShape.optional().meta({ title: 'Settings', description: 'Newer name of cli.' }),
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

/** A policy's settings document, under whichever of its three names. */
export function settingsOf(
  policy: Pick<Policy, 'cli' | 'settings' | 'code'>,
): z.output<typeof settingsShape> {
  return policy.code ?? policy.cli ?? policy.settings ?? {};
}
