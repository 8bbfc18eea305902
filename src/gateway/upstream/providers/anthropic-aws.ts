import type { Secret } from '../../../kernel/secret.ts';
import type { Provider, ProviderParts } from '../provider.ts';
import type { AwsKeyOptions } from './aws/credentials.ts';
import { createAwsMessages } from './aws/messages.ts';
import { messagesPrefix } from './messages-format.ts';

export interface AnthropicAwsOptions {
  readonly region: string;
  /** `wrkspc_…`: named in every request. */
  readonly workspaceId: string;
  /** Where the Messages API is, without `/v1`; by default the region's own endpoint. */
  readonly baseUrl: string | undefined;
  /** An API key wins where the operator gave both. */
  readonly credential: { readonly kind: 'api_key'; readonly apiKey: Secret } | AwsKeyOptions;
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
}

const SERVICE = 'aws-external-anthropic';
/** No code tells this from a request's own fault. */
const ACCOUNT_TROUBLE = /Outbound web identity federation is disabled for your account/i;

/** Claude Platform on AWS: the Anthropic API behind AWS's doors. */
export function createAnthropicAws(options: AnthropicAwsOptions, parts: ProviderParts): Provider {
  const { region, workspaceId, baseUrl, credential, headers } = options;
  const base = new URL(baseUrl ?? `https://${SERVICE}.${region}.api.aws`);
  return createAwsMessages(
    {
      origin: base.origin,
      prefix: messagesPrefix(base),
      region,
      service: SERVICE,
      credential,
      headers: { ...headers, 'anthropic-workspace-id': workspaceId },
      accountTrouble: ACCOUNT_TROUBLE,
    },
    parts,
  );
}
