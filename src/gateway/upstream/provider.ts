import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { AnswerSource, GuardedFetch, ScannedBody } from '../exchange.ts';

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
  /**
   * The outgoing request. Throws or rejects with CodedError `upstream_credentials` when the credential cannot be had,
   * `not_supported` when this endpoint is not served for this request, `bad_request` for what nobody is to be asked.
   */
  prepare(request: OutgoingRequest): Prepared | Promise<Prepared>;
  /** What an answer that is not a success means, and what of it the developer may read. */
  judge(refusal: Refusal): Judgement;
  /** A success as Messages API bytes; absent where it comes as such. Throws when it cannot be read. */
  translate?(answer: TransportAnswer, request: OutgoingRequest): TransportAnswer;
  /** What the upstream has been found to refuse and is spared; the same array until that changes. */
  learnt?(): readonly LearntRefusal[];
  /** Ends what refreshes in the background. */
  close?(): void;
}

/** A beta or a field that is left out of requests for one of the upstream's models. */
export interface LearntRefusal {
  /** As the upstream calls it. */
  readonly model: string;
  readonly name: string;
}

/** What a provider is made of, besides its own options. */
export interface ProviderParts {
  /** What the operator calls the upstream. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** For the provider's own token endpoints, where the operator names them. */
  readonly fetch: GuardedFetch;
}

/** An answer whose head has arrived. */
export interface TransportAnswer extends AnswerSource {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** An answer that is not a success. */
export interface Refusal {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** At most its first mebibyte. */
  readonly body: Buffer;
  readonly request: OutgoingRequest;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** The next `prepare` will do something about it (another credential, a field less): send the request once more. */
  readonly isWorthRepeating?: boolean;
  /** What the client gets in place of the body, which then goes to the operational log; undefined: the body as it is. */
  readonly shown: ShownError | undefined;
}

/** An error in the Messages API's envelope. */
export interface ShownError {
  readonly type: string;
  readonly message: string;
}

export interface OutgoingRequest {
  readonly endpoint: Endpoint;
  /** The client asked for a streamed answer. */
  readonly isStreamed: boolean;
  /** Query with its `?`, or the empty string. */
  readonly query: string;
  readonly body: ScannedBody;
  readonly upstreamModel: string;
  readonly message: ClientHead;
  readonly caller: { readonly sub: string; readonly email: string | undefined };
}

/** What of a client's request headers are picked from. */
export type ClientHead = Pick<IncomingMessage, 'headers' | 'rawHeaders'>;

export type Endpoint = 'messages' | 'count_tokens';

export interface Prepared {
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer;
}

/**
 * - `request`: about the request itself; goes straight to the client
 * - `account`: the gateway's credential, or what its account may do, failed there
 * - `billing`: the gateway's account there has no money left, or has reached its own limit
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
  | 'billing'
  | 'capacity'
  | 'model_missing'
  | 'unsupported'
  | 'too_large'
  | 'final'
  | 'broken';
