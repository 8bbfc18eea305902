import type { OutgoingRequest, Prepared } from '../../provider.ts';

/** What an AWS upstream's requests are authorised with, one way or another. */
export interface AwsAuthorisation {
  /** The request with a signature or a token; rejects with CodedError `upstream_credentials`. */
  authorise(prepared: Prepared, request: OutgoingRequest): Prepared | Promise<Prepared>;
  /** The upstream refused the credential of this request. True when the next `authorise` has another one. */
  refused(request: OutgoingRequest): boolean;
}
