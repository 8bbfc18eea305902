import type { Secret } from '../../../../kernel/secret.ts';

/** Where the keys that sign requests come from: the vendor's default chain, or the operator's own. */
export type AwsKeyOptions =
  | { readonly kind: 'default_chain' }
  | {
      readonly kind: 'keys';
      readonly accessKeyId: string;
      readonly secretAccessKey: Secret;
      /** With temporary keys only. */
      readonly sessionToken: Secret | undefined;
    };

/** What proves to AWS whose a request is: a signature, or a bearer token in place of one. */
export type AwsCredentialOptions = AwsKeyOptions | { readonly kind: 'bearer'; readonly token: Secret };

/** Keys that sign. One object for one set of keys: what is derived from them is remembered by it. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}
