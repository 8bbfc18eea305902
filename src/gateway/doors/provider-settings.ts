import type { AwsEnvironment } from '../../config/environment.ts';
import type { GatewayConfig } from '../../config/gateway-config.ts';
import { regionOf } from '../../config/upstreams/region.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { AnthropicOptions } from '../upstream/providers/anthropic.ts';
import type { AnthropicAwsOptions } from '../upstream/providers/anthropic-aws.ts';
import type { AwsCredentialOptions, AwsKeyOptions } from '../upstream/providers/aws/credentials.ts';
import type { BedrockOptions } from '../upstream/providers/bedrock/options.ts';
import type { FoundryOptions } from '../upstream/providers/foundry/options.ts';
import type { MantleOptions } from '../upstream/providers/mantle.ts';
import type { ProviderSettings } from '../upstream/providers/table.ts';
import type { VertexOptions } from '../upstream/providers/vertex/options.ts';

type UpstreamConfig = GatewayConfig['upstreams'][number];
type Section<P extends UpstreamConfig['provider']> = Extract<UpstreamConfig, { readonly provider: P }>;

/** What each provider asks for, read from its entry of `upstreams`. */
export function providerSettings(upstream: UpstreamConfig, aws: AwsEnvironment): ProviderSettings {
  switch (upstream.provider) {
    case 'anthropic':
      return { kind: 'anthropic', options: anthropicOptions(upstream) };
    case 'bedrock':
      return { kind: 'bedrock', options: bedrockOptions(upstream, aws) };
    case 'mantle':
      return { kind: 'mantle', options: mantleOptions(upstream) };
    case 'anthropicAws':
      return { kind: 'anthropicAws', options: anthropicAwsOptions(upstream) };
    case 'vertex':
      return { kind: 'vertex', options: vertexOptions(upstream) };
    case 'foundry':
      return { kind: 'foundry', options: foundryOptions(upstream) };
  }
}

function anthropicOptions(upstream: Section<'anthropic'>): AnthropicOptions {
  return {
    baseUrl: upstream.base_url,
    credential: anthropicCredential(upstream),
    headers: upstream.headers,
    forwardUserIdentity: upstream.forward_user_identity,
  };
}

function anthropicCredential({ name, auth }: Section<'anthropic'>): AnthropicOptions['credential'] {
  const { api_key: apiKey, oauth_token: oauthToken, federation_rule_id: federationRuleId } = auth;
  if (oauthToken) return { kind: 'oauth_token', oauthToken };
  if (apiKey) return { kind: 'api_key', apiKey };
  const { organization_id: organizationId, identity_token_file: identityTokenFile } = auth;
  const federation = {
    federationRuleId: needed(federationRuleId, name, 'auth'),
    organizationId: needed(organizationId, name, 'auth.organization_id'),
    identityTokenFile: needed(identityTokenFile, name, 'auth.identity_token_file'),
    workspaceId: auth.workspace_id,
    serviceAccountId: auth.service_account_id,
  };
  return { kind: 'federation', federation };
}

function bedrockOptions(upstream: Section<'bedrock'>, aws: AwsEnvironment): BedrockOptions {
  const { assume_role: role } = upstream;
  return {
    region: regionIn(upstream),
    baseUrl: upstream.base_url,
    credential: awsCredential(upstream),
    assumeRole: role && {
      roleArn: role.role_arn,
      externalId: role.external_id,
      sessionName: role.session_name,
      stsUrl: aws.stsUrl,
      useFips: aws.usesFips,
    },
    guardrail: upstream.guardrail,
    headers: upstream.headers,
  };
}

function mantleOptions(upstream: Section<'mantle'>): MantleOptions {
  return {
    region: regionIn(upstream),
    baseUrl: upstream.base_url,
    credential: awsCredential(upstream),
    headers: upstream.headers,
  };
}

function anthropicAwsOptions(upstream: Section<'anthropicAws'>): AnthropicAwsOptions {
  const { api_key: apiKey } = upstream.auth;
  return {
    region: regionIn(upstream),
    workspaceId: upstream.workspace_id,
    baseUrl: upstream.base_url,
    credential: apiKey ? { kind: 'api_key', apiKey } : awsKeys(upstream),
    headers: upstream.headers,
  };
}

function awsCredential(upstream: Section<'bedrock' | 'mantle'>): AwsCredentialOptions {
  const { aws_bearer_token: token } = upstream.auth;
  return token ? { kind: 'bearer', token } : awsKeys(upstream);
}

/** An entry without keys of its own leaves them to the default chain. */
function awsKeys({ auth }: Section<'bedrock' | 'mantle' | 'anthropicAws'>): AwsKeyOptions {
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = auth;
  if (accessKeyId === undefined || !secretAccessKey) return { kind: 'default_chain' };
  return { kind: 'keys', accessKeyId, secretAccessKey, sessionToken: auth.aws_session_token };
}

function vertexOptions(upstream: Section<'vertex'>): VertexOptions {
  return {
    region: regionIn(upstream),
    projectId: upstream.project_id,
    baseUrl: upstream.base_url,
    serviceAccountFile: upstream.auth.service_account_json,
    headers: upstream.headers,
  };
}

function foundryOptions({
  name,
  resource,
  base_url: baseUrl,
  auth,
  headers,
}: Section<'foundry'>): FoundryOptions {
  return {
    endpoint:
      baseUrl === undefined
        ? { kind: 'resource', resource: needed(resource, name, 'resource') }
        : { kind: 'base_url', baseUrl },
    credential:
      auth.use_azure_ad === true
        ? { kind: 'entra', scope: auth.scope }
        : { kind: 'api_key', apiKey: needed(auth.api_key, name, 'auth') },
    headers,
  };
}

function regionIn(upstream: UpstreamConfig): string {
  return needed(regionOf(upstream), upstream.name, 'region');
}

/** The configuration's own check comes first; this keeps the types honest. */
function needed<T>(value: T | undefined, name: string, key: string): T {
  if (value !== undefined) return value;
  throw new CodedError('config_invalid', { detail: `upstreams: ${name} has no ${key}` });
}
