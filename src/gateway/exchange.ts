import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { OtlpSignal } from '../kernel/protocol.ts';

/** A request that has passed the listener: address judged, URL and header limits kept, request id given. */
export interface Accepted {
  /** `req_` and 24 letters or digits; sent back as `request-id`, repeated in the audit log. */
  readonly requestId: string;
  /** `Clock.monotonicMs()` when the head arrived. */
  readonly receivedAtMs: number;
  readonly method: string;
  /** Path without query, as sent. */
  readonly path: string;
  /** Query with its `?`, or the empty string. */
  readonly query: string;
  /** Values of `:name` segments in the route's path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The client's address after trusted proxies: canonical text, IPv4-mapped IPv6 as IPv4. */
  readonly clientIp: string;
  readonly message: IncomingMessage;
  /** Tells a client that waits for `100 Continue` to send its body; call it before reading. */
  startBody(): void;
  /** Calls back once when the client's connection closes before the answer is complete; returns an undo. */
  onGone(callback: () => void): () => void;
}

export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The answer to one request. `request-id` and, while draining, `connection: close` are added to whatever is sent. */
export interface Reply {
  /** The head has gone out. */
  isStarted(): boolean;
  /** The answer is complete, was broken off, or the client has left. */
  isOver(): boolean;
  /** A whole answer. `cache-control: no-store` unless given. */
  json(status: number, body: unknown, headers?: ReplyHeaders): void;
  send(status: number, headers: ReplyHeaders, body?: string | Uint8Array): void;
  /** A streamed answer: head first, then chunks. */
  start(status: number, headers: ReplyHeaders): void;
  /** False when the client is slow: stop the source until `onDrain` calls back. */
  write(chunk: Uint8Array): boolean;
  onDrain(callback: () => void): void;
  end(lastChunk?: Uint8Array): void;
  /** Ends the connection so that the client sees a broken answer, never a complete one. What was written is flushed first. */
  break(): void;
}

/** A signed-in developer, read from a verified access token. Cached by token: treat as immutable. */
export interface Caller {
  readonly sub: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
  /** The session's id, shared by all access tokens of one sign-in. */
  readonly sid: string;
  /** When the access token ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** What one inference request takes up of this gateway, until it leaves. */
export interface Place {
  readonly room: BodyRoom;
  /** Gives all of it back; call it once, however the request ends. */
  leave(): void;
}

/** How many bytes of its body a request may hold. */
export interface BodyRoom {
  bytes(): number;
  /**
   * Makes the room this large, or, when so much is free, as large as `best`. What is returned is to be waited for; it
   * rejects with CodedError `overloaded`, or with `client_left`. A smaller room is had at once.
   */
  resize(bytes: number, best?: number): Promise<void> | undefined;
}

export type AuditEventName =
  | 'config.load'
  | 'config.reload'
  | 'session.mint'
  | 'session.refresh'
  | 'session.revoke'
  | 'device.authorize'
  | 'device.verify'
  | 'device.callback'
  | 'auth.denied'
  | 'access.denied'
  | 'access.public_client'
  | 'inference'
  | 'managed.serve'
  | 'desktop_bootstrap.serve'
  | 'desktop_bootstrap.denied'
  | 'spend.blocked'
  | 'admin.denied'
  | 'admin.limit.upsert'
  | 'admin.limit.delete'
  | 'admin.erase'
  | 'upstream.cooldown'
  | 'gateway.stop';

export type AuditFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Records one security-relevant fact. Never throws, never waits; fields that are undefined are left out. */
export type Audit = (event: AuditEventName, requestId: string | undefined, fields: AuditFields) => void;

/** `fetch` through the outbound guard; what identity and other rooms use for calls to the operator's URLs. */
export type GuardedFetch = typeof fetch;

/** What clients have to know of the telemetry that the gateway forwards. */
export interface ForwardedTelemetry {
  /** Whether a signal has a destination. */
  readonly signals: Readonly<Record<OtlpSignal, boolean>>;
  /** What all telemetry of clients is to carry, for `OTEL_RESOURCE_ATTRIBUTES`. */
  readonly resourceAttributes: Readonly<Record<string, string>>;
}

/** One model a developer can name. */
export interface CatalogModel {
  /** The id clients use, e.g. `claude-opus-4-6`. */
  readonly id: string;
  readonly displayName: string;
  readonly description: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly maxInputTokens: number | null;
  readonly maxOutputTokens: number | null;
  /** The id an upstream of this name receives; undefined when it cannot serve the model. */
  upstreamId(upstreamName: string): string | undefined;
}

declare const permitted: unique symbol;

/** Proof that this developer may use this model. Only policy's `authorise` makes one. */
export interface Permit {
  readonly [permitted]: true;
  readonly caller: Caller;
  readonly model: CatalogModel;
  /** The model as the client wrote it, without `[1m]`. */
  readonly requestedModel: string;
}

/** A Messages API body that was checked without being parsed. Offsets are into `bytes`. */
export interface ScannedBody {
  /** Empty after `drop`. */
  readonly bytes: Buffer;
  /** The model after JSON unescaping, `[1m]` still on it. */
  readonly model: string;
  /** False when absent or anything but `true`. */
  readonly stream: boolean;
  /** The top-level members that the gateway reads or rewrites, by key. */
  readonly members: ReadonlyMap<string, BodyMember>;
  /** Lets go of the bytes, once nothing of them will be sent any more. */
  drop(): void;
}

export interface BodyMember {
  /** Offset of the opening quote of the key. */
  readonly keyStart: number;
  /** Offsets of the value's first byte and of the byte after its last. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** What is to be sent, for whom. Only a `Permit` yields one. */
export interface Plan {
  readonly permit: Permit;
  readonly body: ScannedBody;
  /** The client asked for a streamed answer. */
  readonly isStreamed: boolean;
}

/** An upstream's answer that goes to the client. */
export interface Answer {
  readonly upstreamName: string;
  readonly upstreamModel: string;
  readonly upstreamRequestId: string | undefined;
  readonly status: number;
  /** What of the upstream's headers the client gets; never a `content-length`. */
  readonly headers: ReplyHeaders;
  readonly isEventStream: boolean;
  readonly sendsPings: boolean;
  readonly source: AnswerSource;
}

/** Where an answer's bytes go. After `end` or `fail` nothing more is called. */
export interface AnswerSink {
  chunk(bytes: Buffer): void;
  end(): void;
  fail(error: Error): void;
}

/** Bytes that wait until `flow` names their sink. */
export interface AnswerSource {
  flow(sink: AnswerSink): void;
  pause(): void;
  resume(): void;
  /** Ends the request at the upstream; the sink hears it as `fail`. */
  abort(): void;
}

/** Token counts as the upstream reported them last; output is estimated when a stream ended before it said. */
export interface Usage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cacheReadTokens: number | undefined;
  readonly cacheWriteTokens: number | undefined;
}

/** Where the client left before there was a status to tell it; the number is the custom of proxies. */
export const CLIENT_LEFT_STATUS = 499;

export type RelayOutcome = 'complete' | 'client_left' | 'upstream_broke';

/** How an answer's way to the client ended. */
export interface Relayed {
  readonly outcome: RelayOutcome;
  /** Whether any byte of the body reached the client: without one, another upstream can still serve. */
  readonly hasSentBody: boolean;
  /** `Clock.monotonicMs()` of the first body byte. */
  readonly firstByteAtMs: number | undefined;
  readonly usage: Usage;
  /** What broke, for the operator's log; undefined unless the upstream broke. */
  readonly fault: string | undefined;
  /** What the answer's source failed with, if it did. */
  readonly cause?: Error | undefined;
}
