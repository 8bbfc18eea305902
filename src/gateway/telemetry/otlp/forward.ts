import type { Clock } from '../../../kernel/clock.ts';
import { isCodedError } from '../../../kernel/coded-error.ts';
import { OTLP_PATHS } from '../../../kernel/protocol.ts';
import { retryAfterMs } from '../../../kernel/retry-after.ts';
import type { GuardedFetch } from '../../exchange.ts';
import type { OtlpBody } from './otlp-body.ts';

/** A credential that is renewed; header names and values in turn. */
export interface PassingCredential {
  get(): readonly string[] | Promise<readonly string[]>;
  /** The destination refused this one. */
  refused(headers: readonly string[]): unknown;
}

export interface Destination {
  /** Without a slash at its end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly credential: PassingCredential | undefined;
}

/**
 * What became of an attempt. `refused`: the destination will never take this body. `failed`: it does not take any, or says
 * later.
 */
export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number | undefined };

/** One attempt. Never rejects; the signal ends it. */
export type Forward = (body: OtlpBody, signal: AbortSignal) => Promise<Outcome>;

const ATTEMPT_MS = 10_000;
/** Answers are small; what is larger is not read. */
const MOST_ANSWER_BYTES = 64 * 1024;
/** About the body, and not about the destination. */
const PAYLOAD_REFUSALS: ReadonlySet<number> = new Set([400, 413, 415, 422, 431]);

/** Sends bodies to one destination, byte for byte. Redirects are failures: the credential goes nowhere else. */
export function createForward(
  { url, headers, credential }: Destination,
  { fetch, clock }: { readonly fetch: GuardedFetch; readonly clock: Clock },
): Forward {
  const post = async ({ signal: kind, mediaType, isGzip, bytes }: OtlpBody, signal: AbortSignal) => {
    const shown = (await credential?.get()) ?? [];
    const all = new Headers(headers);
    for (let i = 0; i < shown.length; i += 2) all.set(shown[i] ?? '', shown[i + 1] ?? '');
    all.set('content-type', mediaType);
    if (isGzip) all.set('content-encoding', 'gzip');
    const body = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    const request = { method: 'POST', headers: all, body, signal, redirect: 'manual' } as const;
    const response = await fetch(url + OTLP_PATHS[kind], request);
    if (response.status === 401) credential?.refused(shown);
    // The status has said it all: that the rest of the answer breaks changes nothing.
    await readAway(response).catch(() => undefined);
    return outcomeOf(response, clock.now());
  };

  return async (body, signal) => {
    const isOver = new AbortController();
    const tooLong = new AbortController();
    clock.sleep(ATTEMPT_MS, isOver.signal).then(
      () => tooLong.abort(new Error(`no answer within ${ATTEMPT_MS / 1000} s`)),
      // Answered before.
      () => undefined,
    );
    try {
      return await post(body, AbortSignal.any([signal, tooLong.signal]));
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error), retryAfterMs: undefined };
    } finally {
      isOver.abort();
    }
  };
}

function outcomeOf({ status, headers }: Response, nowMs: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (PAYLOAD_REFUSALS.has(status)) return { kind: 'refused', status };
  const wait = retryAfterMs(headers.get('retry-after') ?? undefined, nowMs);
  return { kind: 'failed', reason: `HTTP ${status}`, retryAfterMs: wait };
}

/** So that the connection can be used again. */
async function readAway({ body }: Response): Promise<void> {
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MOST_ANSWER_BYTES) return;
  }
}

/** Network errors name codes and addresses, never content. */
function reasonOf(error: unknown): string {
  if (isCodedError(error)) return error.detail ?? error.code;
  if (!(error instanceof Error)) return String(error);
  // `fetch` says no more than that it failed; why is in its cause.
  if (error instanceof TypeError && error.cause !== undefined) return reasonOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
