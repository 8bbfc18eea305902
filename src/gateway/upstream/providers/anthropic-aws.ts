import type { Secret } from '../../../kernel/secret.ts';
import type { AwsKeyOptions } from './aws/credentials.ts';

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
