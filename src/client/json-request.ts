import { CodedError } from '../kernel/coded-error.ts';
import type { GatewayConnection, GatewayRequest, GatewayResponse } from './gateway-connection.ts';

export interface JsonAnswer {
  readonly status: number;
  readonly headers: GatewayResponse['headers'];
  /** `undefined` when the body is not JSON. */
  readonly json: unknown;
}

const TIMEOUT_MS = 20_000;
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * One short exchange with a gateway: at most 20 seconds and 4 MiB. Throws `gateway_unreachable` when it breaks or takes
 * longer, `gateway_answer` when the answer is larger, and the signal's reason when that aborts.
 */
export async function requestJson(
  connection: GatewayConnection,
  request: GatewayRequest,
): Promise<JsonAnswer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
  try {
    const response = await connection.request({ ...request, signal });
    const text = await readText(response);
    return { status: response.status, headers: response.headers, json: parseJson(text) };
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    request.signal?.throwIfAborted();
    const reason = timeout.aborted ? 'ETIMEDOUT' : 'ECONNRESET';
    throw new CodedError('gateway_unreachable', { facts: { gateway: connection.origin, reason }, cause });
  }
}

/** The body as text. Throws `gateway_answer` when it is larger than any answer of a gateway. */
export async function readText({ body }: GatewayResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MOST_BYTES)
      throw new CodedError('gateway_answer', { facts: { why: 'its answer is too large' } });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Seconds of a `Retry-After` header, or `undefined`. */
export function retryAfterSeconds(headers: GatewayResponse['headers']): number | undefined {
  const value = headers['retry-after'];
  return typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : undefined;
}

/** `undefined` for text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // An answer that is not JSON is judged by its status alone.
    return undefined;
  }
}
