import type { Secret } from '../../../../kernel/secret.ts';
import type { CredentialSource } from '../../credential-source.ts';
import type { OutgoingRequest, Prepared, ProviderParts } from '../../provider.ts';
import type { AwsCredentialOptions, AwsKeys } from './credentials.ts';
import { createKeySource } from './key-source.ts';
import { createSigner, type SignerOptions } from './signer.ts';

/** What an AWS upstream's requests are authorised with, one way or another. */
export interface AwsAuthorisation {
  /** The request with a signature or a token; rejects with CodedError `upstream_credentials`. */
  authorise(prepared: Prepared, request: OutgoingRequest): Prepared | Promise<Prepared>;
  /** The upstream refused the credential of this request. True when the next `authorise` has another one. */
  refused(request: OutgoingRequest): boolean;
}

export function createAwsAuthorisation(
  credential: AwsCredentialOptions | { readonly kind: 'api_key'; readonly apiKey: Secret },
  place: SignerOptions,
  parts: ProviderParts,
): AwsAuthorisation {
  switch (credential.kind) {
    case 'api_key':
      return withHeader('x-api-key', credential.apiKey.reveal());
    case 'bearer':
      return withHeader('authorization', `Bearer ${credential.token.reveal()}`);
    default:
      return signedBy(always(createKeySource(credential, place.region, parts)), place, parts);
  }
}

function withHeader(name: string, value: string): AwsAuthorisation {
  return {
    authorise: ({ path, headers, body }) => ({ path, headers: [...headers, name, value], body }),
    refused: () => false,
  };
}

function always(source: CredentialSource<AwsKeys>): () => CredentialSource<AwsKeys> {
  return () => source;
}

/** Signs each request with keys of the source that is for it. `sourceOf` may throw CodedError `upstream_credentials`. */
export function signedBy(
  sourceOf: (request: OutgoingRequest) => CredentialSource<AwsKeys>,
  place: SignerOptions,
  { clock }: ProviderParts,
): AwsAuthorisation {
  const sign = createSigner(place, clock);
  const used = new WeakMap<OutgoingRequest, AwsKeys>();
  const signWith = (keys: AwsKeys, prepared: Prepared, request: OutgoingRequest): Prepared => {
    used.set(request, keys);
    return sign(prepared, keys);
  };
  return {
    authorise(prepared, request) {
      const keys = sourceOf(request).get();
      if (keys instanceof Promise) return keys.then((late) => signWith(late, prepared, request));
      return signWith(keys, prepared, request);
    },
    refused(request) {
      const keys = used.get(request);
      return keys !== undefined && sourceOf(request).refused(keys);
    },
  };
}
