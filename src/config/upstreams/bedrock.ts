import { z } from 'zod';
import { secret } from '../../kernel/secret.ts';
import { choice, text } from '../fields.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';
import { awsBearerToken, awsKeyPair, awsRegion, checkAwsAuth } from './aws.ts';
import { awsRegionIn, checkRegion } from './region.ts';
import type { UpstreamCheck } from './upstream-check.ts';
import { upstreamKeys } from './upstream-keys.ts';

export const bedrockAuthShape = z.strictObject({ ...awsKeyPair, aws_bearer_token: awsBearerToken }).meta({
  title: 'Credential',
  description: "An access key or an API key of Amazon Bedrock; {} is AWS's default credential chain.",
});

const guardrailShape = z
  .strictObject({
    id: text('the id or ARN of a guardrail')
      .refine(
        (value) =>
          /^(?:[a-z0-9]+|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:guardrail\/[a-z0-9]+)$/.test(value),
        { error: 'must be the id or ARN of a guardrail' },
      )
      .meta({ title: 'Id', description: 'Id or ARN of the guardrail.', examples: ['gr4f1k2m9x0a'] }),
    version: text('a version in quotes, or DRAFT')
      .refine((value) => /^(?:[1-9]\d{0,7}|DRAFT)$/.test(value), {
        error: 'must be a version in quotes, or DRAFT',
      })
      .meta({ title: 'Version', description: 'A version in quotes, or DRAFT.', examples: ['3'] }),
  })
  .meta({
    title: 'Guardrail',
    description:
      'The guardrail that every request passes; on each bedrock upstream or none. Needs bedrock:ApplyGuardrail.',
  });

const roleArn = () =>
  text('the ARN of a role')
    .refine((value) => /^arn:[a-z-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(value), {
      error: 'must be the ARN of a role, arn:aws:iam::<account>:role/<name>',
      abort: true,
    })
    .refine((value) => /^arn:(?:aws|aws-us-gov):/.test(value), {
      error: 'must be in the partition aws or aws-us-gov',
    });

const assumeRoleShape = z
  .strictObject({
    role_arn: roleArn().meta({
      title: 'Role',
      description: 'ARN of the role that requests are made in.',
      examples: ['arn:aws:iam::123456789012:role/claude-developers'],
    }),
    external_id: text('an external id')
      .refine((value) => /^[\w+=,.@:/-]{2,1224}$/.test(value), {
        error: 'must be 2 to 1224 letters, digits and characters of +=,.@:/-_',
        abort: true,
      })
      .transform(secret)
      .meta({ secret: true })
      .optional()
      .meta({
        title: 'External id',
        description: "What the role's trust policy asks for as sts:ExternalId.",
        examples: ['sallyport'],
      }),
    session_name: choice('email', 'sub').optional().meta({
      title: 'Session name',
      description:
        'What of the developer names the session, for attribution in CloudTrail and cost reports. By default one session for all, claude-apps-gateway.',
    }),
  })
  .meta({
    title: 'Assume a role',
    description: 'Requests are made in this role, by one session per developer where session_name says so.',
  });

export const bedrockShape = z
  .strictObject({
    ...upstreamKeys('bedrock', {
      title: 'Amazon Bedrock: InvokeModel.',
      baseUrl: "Another endpoint of Bedrock's runtime: FIPS, or in your VPC. By default the region's own.",
      baseUrlExample: 'https://bedrock-runtime-fips.us-east-1.amazonaws.com',
    }),
    region: awsRegion(),
    auth: bedrockAuthShape.prefault({}),
    guardrail: guardrailShape.optional(),
    assume_role: assumeRoleShape.optional(),
  })
  .meta({ title: 'Amazon Bedrock', description: 'Amazon Bedrock.' });

export const checkBedrock: UpstreamCheck<typeof bedrockShape> = (upstream, path, report) => {
  checkAwsAuth(path, report);
  checkRegion(path, awsRegionIn(upstream.base_url), 'us-east-1', report);
  const bearer = [...path, 'auth', 'aws_bearer_token'];
  if (report.has([...path, 'assume_role']) && report.has(bearer))
    report.error(
      [...path, 'assume_role'],
      'is not possible with auth.aws_bearer_token: a role is assumed with keys that sign',
      'remove one of the two',
    );
};

/** A guardrail that some requests do not pass is none. */
export function checkGuardrails(
  upstreams: readonly ({ readonly provider?: string | undefined } | undefined)[],
  report: Report,
): void {
  const at = (provider: string): Path[] =>
    upstreams.flatMap((upstream, index) =>
      upstream?.provider === provider ? [['upstreams', index] as const] : [],
    );
  const hasGuardrail = (path: Path) => report.has([...path, 'guardrail']);
  const bedrock = at('bedrock');
  const guarded = bedrock.find(hasGuardrail);
  if (!guarded) return;
  for (const path of bedrock.filter((other) => !hasGuardrail(other)))
    report.error(
      path,
      `has no guardrail, and upstreams[${guarded[1]}] has one: requests could go round it`,
      'give each bedrock upstream a guardrail, or none',
    );
  for (const path of at('mantle'))
    report.error(
      path,
      `takes no guardrail, and upstreams[${guarded[1]}] has one: requests could go round it`,
      'remove this upstream, or the guardrail',
    );
}
