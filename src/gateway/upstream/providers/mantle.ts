import type { AwsCredentialOptions } from './aws/credentials.ts';

export interface MantleOptions {
  readonly region: string;
  /** Where the Messages API is, without `/v1`; `/anthropic` is added where it has no path. By default the region's own endpoint. */
  readonly baseUrl: string | undefined;
  readonly credential: AwsCredentialOptions;
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
}
