import type { IncomingMessage } from 'node:http';
import type { ScannedBody } from '../exchange.ts';

/**
 * What `plan`, `send` and `relay` know of a provider. A provider turns an accepted request and an upstream model id into an
 * outgoing request, and says how its answers are to be read.
 */
export interface Provider {
  /** `https://host[:port]` that connections go to. */
  readonly origin: string;
  /** Whether the upstream keeps silent streams alive itself. */
  readonly sendsPings: boolean;
  /** Bodies above this are not offered to it. */
  readonly maxBodyBytes: number | undefined;
  /** Whether the wait for headers of streamed requests is bounded by default. */
  readonly boundsTimeToHeaders: boolean;
  /** Whether it serves `count_tokens`. */
  readonly countsTokens: boolean;
  /** The outgoing request; rejects with CodedError `upstream_credentials` when the credential cannot be had. */
  prepare(request: OutgoingRequest): Prepared | Promise<Prepared>;
  /** What an answer that is not a success means. `body` holds at most its first mebibyte. */
  classify(status: number, body: Buffer): Verdict;
}

export interface OutgoingRequest {
  readonly endpoint: Endpoint;
  /** Query with its `?`, or the empty string. */
  readonly query: string;
  readonly body: ScannedBody;
  readonly upstreamModel: string;
  readonly message: IncomingMessage;
  readonly caller: { readonly sub: string; readonly email: string | undefined };
}

export type Endpoint = 'messages' | 'count_tokens';

export interface Prepared {
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer;
}

/**
 * - `request`: about the request itself; goes straight to the client
 * - `account`: the gateway's credential or account failed there
 * - `capacity`: too busy now
 * - `model_missing`: it does not serve this model
 * - `unsupported`: it does not serve this endpoint
 * - `too_large`: it takes no bodies of this size
 * - `final`: about this developer, so that asking another upstream would be wrong
 * - `broken`: everything else
 */
export type Verdict =
  | 'request'
  | 'account'
  | 'capacity'
  | 'model_missing'
  | 'unsupported'
  | 'too_large'
  | 'final'
  | 'broken';
