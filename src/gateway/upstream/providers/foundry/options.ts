import type { Secret } from '../../../../kernel/secret.ts';

export interface FoundryOptions {
  /** Where the Messages API is: `/anthropic` at the resource, or a base URL that goes as it is, without `/v1`. */
  readonly endpoint:
    | { readonly kind: 'resource'; readonly resource: string }
    | { readonly kind: 'base_url'; readonly baseUrl: string };
  readonly credential:
    | { readonly kind: 'api_key'; readonly apiKey: Secret }
    /** Tokens of Entra ID from the vendor's default chain, by default for the scope `https://ai.azure.com/.default`. */
    | { readonly kind: 'entra'; readonly scope: string | undefined };
  /** Further headers of the operator's. */
  readonly headers: Readonly<Record<string, string>>;
}
