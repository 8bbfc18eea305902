import type { Provider, ProviderParts } from '../../../src/gateway/upstream/provider.ts';

/** A provider's stand-in, as the contract suite in test/contract/every-provider.ts wants it. */
export interface StandInKind {
  /** What a failing test is to say. */
  readonly name: string;
  readonly traits: StandInTraits;
  start(): Promise<StandIn>;
}

/** What differs from provider to provider and is meant to. */
export interface StandInTraits {
  /** Betas travel in the `anthropic-beta` header and `?beta=true` goes along. */
  readonly speaksMessagesApi: boolean;
  /** Betas reach it at all (as header, or in the body). */
  readonly takesBetas: boolean;
  /** Errors reach the client as they came: the Anthropic API and what is like it. */
  readonly showsErrorsAsTheyAre: boolean;
  /** An overload that comes in place of a stream is one of the platform: 503 and not 529. */
  readonly saysUnavailable?: boolean;
  /** How it names the model on the wire: in the body, or in the path. */
  readonly modelIn: 'body' | 'path';
}

/** A server on 127.0.0.1 that verifies credentials as the provider does; one that is wrong gets the provider's own refusal. */
export interface StandIn {
  readonly origin: string;
  /** The provider pointed at this server, with a credential that it accepts. */
  makeProvider(parts: ProviderParts): Promise<Provider>;
  /** The id of a model that it serves. */
  readonly model: string;
  /** What the next request gets that is not answered yet; without one it gets a short message. Answers queue up. */
  answer(next: ScriptedAnswer): void;
  /** What it was asked so far, refused requests included, token requests not. */
  readonly requests: readonly AskedOf[];
  close(): Promise<void>;
}

export type Json = Readonly<Record<string, unknown>>;

export type ScriptedAnswer =
  /** A whole message of the Messages API, in the provider's dress. */
  | { readonly kind: 'message'; readonly message: Json }
  /** A complete stream of these events of the Messages API (their `type` is the event's name), in the provider's dress. */
  | { readonly kind: 'stream'; readonly events: readonly Json[] }
  /** 200 and its headers, these events, then a clean end: truncated unless they end with `message_stop`. */
  | { readonly kind: 'truncated'; readonly events: readonly Json[] }
  /** 200 and its headers, these events, then the connection is reset. */
  | { readonly kind: 'reset'; readonly events: readonly Json[] }
  /** 200 and its headers, these events, then the provider's own way to say in a stream that it is overloaded. */
  | { readonly kind: 'overloaded_midway'; readonly events: readonly Json[] }
  /** 200 and its headers, these events, then nothing until the connection closes, which `onClosed` is told. */
  | { readonly kind: 'stalled'; readonly events: readonly Json[]; readonly onClosed: () => void }
  /** The connection is reset before a word of an answer. */
  | { readonly kind: 'hung_up' }
  /** Nothing at all, for as long as the connection lasts. */
  | { readonly kind: 'silent' }
  /** `count_tokens`. */
  | { readonly kind: 'count'; readonly inputTokens: number }
  /** 429 in the provider's own shape. */
  | { readonly kind: 'throttled'; readonly retryAfterSeconds?: number }
  /** 400 in the provider's own shape, with this text somewhere in it. */
  | { readonly kind: 'invalid'; readonly message: string }
  /** 400 in the Anthropic envelope: what the model's side says. */
  | { readonly kind: 'invalid_enveloped'; readonly message: string }
  /** The provider's answer to a credential that it does not accept (any more). */
  | { readonly kind: 'credential_refused' }
  /** The provider's answer for a model that it does not have. */
  | { readonly kind: 'model_missing' }
  /** 500 in the provider's own shape. */
  | { readonly kind: 'failed' }
  /** 413 in the provider's own shape. */
  | { readonly kind: 'too_large' };

/** A request as the stand-in read it, in terms that are the same for all. */
export interface AskedOf {
  /** With its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The Messages API body: for a wrapped one (Bedrock's CountTokens) what was wrapped. */
  readonly body: Buffer;
  /** From body or path, percent-decoded. */
  readonly model: string;
  /** From header or body. */
  readonly betas: readonly string[];
  /** What the wire says about streaming: the body's `stream`, or the path. */
  readonly isStreamed: boolean;
}

/** Every secret, account, ARN and project that a stand-in's refusals name holds this word: no developer may read it. */
export const PRIVATE_WORD = 'PRIVATE-4711';
