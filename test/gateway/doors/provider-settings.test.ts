import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { providerSettings } from '../../../src/gateway/doors/provider-settings.ts';
import { catalogOptions } from '../../../src/gateway/doors/settings.ts';
import { createProvider } from '../../../src/gateway/upstream/providers/table.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { isSecret } from '../../../src/kernel/secret.ts';
import { configOf } from '../../config/config-file.ts';
import { least, providers, upstreams } from '../../config/upstreams/upstream-file.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

/** The options of an upstream, with its secrets opened. */
function optionsOf(entry: string, env: Readonly<Record<string, string>> = {}): unknown {
  const [upstream] = configOf(upstreams(entry)).upstreams;
  if (!upstream) throw new Error('no upstream');
  const { kind, options } = providerSettings(upstream, readEnvironment(env).aws);
  expect(kind).toBe(upstream.provider);
  return opened(options);
}

function opened(value: unknown): unknown {
  if (isSecret(value)) return value.reveal();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
}

describe('what a provider asks for', () => {
  const pair = 'aws_access_key_id: a, aws_secret_access_key: b, aws_session_token: c';
  const keys = { kind: 'keys', accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' };

  it.each([
    [
      'provider: anthropic, auth: { oauth_token: t }',
      {
        baseUrl: undefined,
        credential: { kind: 'oauth_token', oauthToken: 't' },
        forwardUserIdentity: false,
      },
    ],
    [
      'provider: anthropic, auth: { federation_rule_id: r, organization_id: o, identity_token_file: /f, workspace_id: w, service_account_id: s }',
      {
        credential: {
          kind: 'federation',
          federation: {
            federationRuleId: 'r',
            organizationId: 'o',
            identityTokenFile: '/f',
            workspaceId: 'w',
            serviceAccountId: 's',
          },
        },
      },
    ],
    [
      'provider: bedrock, base_url: https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com, headers: { x-a: b }',
      {
        region: 'us-gov-west-1',
        baseUrl: 'https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com',
        credential: { kind: 'default_chain' },
        assumeRole: undefined,
        guardrail: undefined,
        headers: { 'x-a': 'b' },
      },
    ],
    [
      'provider: bedrock, region: us-east-1, auth: { aws_bearer_token: t }, guardrail: { id: gr1, version: DRAFT }',
      { credential: { kind: 'bearer', token: 't' }, guardrail: { id: 'gr1', version: 'DRAFT' } },
    ],
    [
      `provider: mantle, region: us-east-1, models: ["*"], auth: { ${pair} }`,
      { region: 'us-east-1', credential: keys },
    ],
    [
      `provider: anthropicAws, region: us-east-1, workspace_id: w, auth: { ${pair} }`,
      { workspaceId: 'w', credential: keys },
    ],
    [
      `provider: anthropicAws, region: us-east-1, workspace_id: w, auth: { api_key: k, ${pair} }`,
      { credential: { kind: 'api_key', apiKey: 'k' } },
    ],
    [
      'provider: vertex, region: eu, project_id: p1, auth: { service_account_json: /k.json }',
      { region: 'eu', projectId: 'p1', baseUrl: undefined, serviceAccountFile: '/k.json' },
    ],
    [
      'provider: vertex, base_url: https://us-east5-aiplatform.p.googleapis.com, project_id: p1',
      { region: 'us-east5', baseUrl: 'https://us-east5-aiplatform.p.googleapis.com' },
    ],
    [
      'provider: foundry, resource: acme, auth: { api_key: k }',
      { endpoint: { kind: 'resource', resource: 'acme' }, credential: { kind: 'api_key', apiKey: 'k' } },
    ],
    [
      'provider: foundry, resource: acme, base_url: https://a.example.com/x, auth: { use_azure_ad: true, scope: s }',
      {
        endpoint: { kind: 'base_url', baseUrl: 'https://a.example.com/x' },
        credential: { kind: 'entra', scope: 's' },
      },
    ],
  ])('is read from { %s }', (entry, options) => {
    expect(optionsOf(entry)).toMatchObject(options);
  });

  it('is also where STS is, from the variables of the AWS libraries', () => {
    const entry =
      'provider: bedrock, region: us-east-1, assume_role: { role_arn: "arn:aws:iam::123456789012:role/x", external_id: e1, session_name: sub }';
    const role = { roleArn: 'arn:aws:iam::123456789012:role/x', externalId: 'e1', sessionName: 'sub' };
    expect(optionsOf(entry)).toMatchObject({ assumeRole: { ...role, stsUrl: undefined, useFips: false } });
    const env = { AWS_ENDPOINT_URL_STS: 'https://sts.example.com', AWS_USE_FIPS_ENDPOINT: 'true' };
    expect(optionsOf(entry, env)).toMatchObject({
      assumeRole: { ...role, stsUrl: 'https://sts.example.com', useFips: true },
    });
    expect(readEnvironment({ AWS_ENDPOINT_URL_STS: 'sts' }).warnings).toEqual([
      expect.stringContaining('AWS_ENDPOINT_URL_STS is no https:// URL'),
    ]);
  });

  it.each(providers)('is all that it needs: %s', async (provider) => {
    const [upstream] = configOf(upstreams(least[provider])).upstreams;
    if (!upstream) throw new Error('no upstream');
    const made = await createProvider(providerSettings(upstream, readEnvironment({}).aws), {
      name: upstream.name,
      clock: systemClock,
      log: createMemoryLog(),
      fetch: () => Promise.reject(new Error('nothing is asked yet')),
    });
    made.close?.();
    expect(made.origin).toMatch(/^https:\/\/[a-z0-9.-]+$/);
  });
});

it('the catalog is told the region of each upstream, written out or named by its address', () => {
  const config = configOf(
    upstreams(
      'provider: bedrock, base_url: https://bedrock-runtime.eu-west-1.amazonaws.com',
      least.vertex,
      least.anthropic,
      least.foundry,
    ),
  );
  expect(catalogOptions(config).upstreams.map(({ name, region }) => [name, region])).toEqual([
    ['bedrock', 'eu-west-1'],
    ['vertex', 'global'],
    ['anthropic', undefined],
    ['foundry', undefined],
  ]);
});
