// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { secretText, text } from '../fields.ts';
import { awsKeyPair, awsRegion, checkAwsAuth } from './aws.ts';
import { awsRegionIn, checkRegion } from './region.ts';
import type { UpstreamCheck } from './upstream-check.ts';
import { upstreamKeys } from './upstream-keys.ts';

const authShape = z
  .strictObject({
    api_key: secretText('an API key')
      .optional()
      .meta({
        title: 'API key',
        description: 'Sent as x-api-key; nothing is signed then.',
        examples: ['${ANTHROPIC_AWS_API_KEY}'],
      }),
    ...awsKeyPair,
  })
  .meta({
    title: 'Credential',
    description: "An API key or an access key; {} is AWS's default credential chain.",
  });

export const anthropicAwsShape = z
  .strictObject({
    ...upstreamKeys('anthropicAws', {
      title: 'Claude Platform on AWS.',
      baseUrl: "Where the Messages API is, without /v1. By default the region's own endpoint.",
      baseUrlExample: 'https://aws-external-anthropic.us-east-1.api.aws',
    }),
    region: awsRegion(),
    workspace_id: text('the id of a workspace')
      .refine((value) => /^[\x21-\x7e]+$/.test(value), { error: 'must be the id of a workspace' })
      .meta({
        title: 'Workspace',
        description: 'Named in every request, as anthropic-workspace-id.',
        examples: ['wrkspc_01ABCDEF'],
      }),
    auth: authShape.prefault({}),
  })
  .meta({ title: 'Claude Platform on AWS', description: 'Claude Platform on AWS.' });

export const checkAnthropicAws: UpstreamCheck<typeof anthropicAwsShape> = (upstream, path, report) => {
  checkAwsAuth(path, report);
  checkRegion(path, awsRegionIn(upstream.base_url), 'us-east-1', report);
};
