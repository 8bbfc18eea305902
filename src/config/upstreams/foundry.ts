// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { flag, secretText, text } from '../fields.ts';
import { hostPart } from './region.ts';
import type { UpstreamCheck } from './upstream-check.ts';
import { upstreamKeys } from './upstream-keys.ts';

const authShape = z
  .strictObject({
    api_key: secretText('an API key')
      .optional()
      .meta({
        title: 'API key',
        description: 'A key of the resource.',
        examples: ['${ANTHROPIC_FOUNDRY_API_KEY}'],
      }),
    use_azure_ad: flag().optional().meta({
      title: 'Entra ID',
      description:
        'Take tokens of Entra ID, from the default credential chain: environment, workload identity, managed identity, Azure CLI.',
    }),
    scope: text('a scope')
      .refine((value) => !/\s/.test(value), { error: 'must be one scope, without blanks' })
      .optional()
      .meta({
        title: 'Scope',
        description:
          'Scope of the tokens of Entra ID, for sovereign clouds. By default https://ai.azure.com/.default.',
        examples: ['https://ai.azure.us/.default'],
      }),
  })
  .meta({ title: 'Credential', description: 'Exactly one of api_key and use_azure_ad: true.' });

export const foundryShape = z
  .strictObject({
    ...upstreamKeys('foundry', {
      title: 'Microsoft Foundry; models are called by the names of their deployments.',
      baseUrl: 'Where the Messages API is, without /v1; counts more than resource. By default from resource.',
      baseUrlExample: 'https://acme.services.ai.azure.com/anthropic',
    }),
    resource: hostPart('the name of a resource')
      .optional()
      .meta({
        title: 'Resource',
        description: 'Name of the resource: acme in https://acme.services.ai.azure.com.',
        examples: ['acme'],
      }),
    auth: authShape,
  })
  .meta({ title: 'Microsoft Foundry', description: 'Microsoft Foundry.' });

export const checkFoundry: UpstreamCheck<typeof foundryShape> = (upstream, path, report) => {
  const has = (key: string) => report.has([...path, ...key.split('.')]);
  if (!has('resource') && !has('base_url'))
    report.error(path, 'needs resource or base_url', 'add resource: with the name of the resource');
  if (!upstream.auth) return;
  const usesEntra = upstream.auth.use_azure_ad;
  // A switch that is not known may be on.
  if (usesEntra === undefined && has('auth.use_azure_ad')) return;
  if (has('auth.api_key') && usesEntra)
    report.error([...path, 'auth'], 'holds api_key and use_azure_ad: exactly one is possible', 'remove one');
  if (!has('auth.api_key') && !usesEntra)
    report.error(
      [...path, 'auth'],
      'needs api_key or use_azure_ad: true',
      'add api_key: ${ANTHROPIC_FOUNDRY_API_KEY}',
    );
  if (has('auth.scope') && !usesEntra)
    report.error(
      [...path, 'auth', 'scope'],
      'is of use with use_azure_ad: true only',
      'remove it, or add use_azure_ad: true',
    );
};
