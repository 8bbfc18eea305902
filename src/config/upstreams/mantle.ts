import { z } from 'zod';
import { awsRegion, checkAwsAuth } from './aws.ts';
import { bedrockAuthShape } from './bedrock.ts';
import { awsRegionIn, checkRegion } from './region.ts';
import type { UpstreamCheck } from './upstream-check.ts';
import { clientModels, upstreamKeys } from './upstream-keys.ts';

export const mantleShape = z
  .strictObject({
    ...upstreamKeys('mantle', {
      title: "Amazon Bedrock's endpoint for the Messages API.",
      baseUrl: "Another endpoint, with its path /anthropic. By default the region's own.",
      baseUrlExample: 'https://bedrock-mantle.us-east-1.api.aws/anthropic',
    }),
    region: awsRegion(),
    auth: bedrockAuthShape.prefault({}),
    models: clientModels()
      .min(1, { error: 'must name at least one model' })
      .meta({
        title: 'Models',
        description: 'Client models that go there, each with at most one *: it serves some models only.',
        examples: [['claude-opus-*']],
      }),
  })
  .meta({ title: 'Mantle', description: "Amazon Bedrock's endpoint for the Messages API." });

export const checkMantle: UpstreamCheck<typeof mantleShape> = (upstream, path, report) => {
  checkAwsAuth(path, report);
  checkRegion(path, awsRegionIn(upstream.base_url), 'us-east-1', report);
};
