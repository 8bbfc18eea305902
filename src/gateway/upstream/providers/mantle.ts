import type { Provider, ProviderParts } from '../provider.ts';
import type { AwsCredentialOptions } from './aws/credentials.ts';
import { createAwsMessages } from './aws/messages.ts';
import { messagesPrefix } from './messages-format.ts';

export interface MantleOptions {
  readonly region: string;
  /** Where the Messages API is, without `/v1`; `/anthropic` is added where it has no path. By default the region's own endpoint. */
  readonly baseUrl: string | undefined;
  readonly credential: AwsCredentialOptions;
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
}

const SERVICE = 'bedrock-mantle';
const DEFAULT_PREFIX = '/anthropic';

/** Amazon Bedrock's endpoint in Messages format, which has model ids of its own. */
export function createMantle(options: MantleOptions, parts: ProviderParts): Provider {
  const { region, baseUrl, credential, headers } = options;
  const base = new URL(baseUrl ?? `https://${SERVICE}.${region}.api.aws`);
  return createAwsMessages(
    {
      origin: base.origin,
      prefix: messagesPrefix(base) || DEFAULT_PREFIX,
      region,
      service: SERVICE,
      credential,
      headers,
    },
    parts,
  );
}
