import type { GuardedFetch } from '../../../exchange.ts';

/** A request of the vendor's clients, as far as it is read here. */
interface VendorRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

interface VendorAnswer {
  readonly response: {
    readonly statusCode: number;
    readonly headers: Record<string, string>;
    readonly body: ReadableStream | null;
  };
}

/** Sends what the vendor's clients ask of STS and single sign-on through the outbound guard, and through proxies. */
export interface VendorHandler {
  handle(request: VendorRequest): Promise<VendorAnswer>;
}

const LONGEST_CALL_MS = 10_000;
/** What `fetch` sets itself, to the same. */
const SET_BY_FETCH = new Set(['host', 'content-length']);

export function createVendorHandler(fetch: GuardedFetch): VendorHandler {
  return {
    async handle(request) {
      const { method, body } = request;
      const headers = Object.entries(request.headers).filter(
        ([name]) => !SET_BY_FETCH.has(name.toLowerCase()),
      );
      const response = await fetch(urlOf(request), {
        method,
        headers,
        ...(body === undefined || method === 'GET' || method === 'HEAD' ? {} : { body: bytesOf(body) }),
        redirect: 'manual',
        signal: AbortSignal.timeout(LONGEST_CALL_MS),
      }).catch((error: unknown) => {
        throw causeOf(error);
      });
      return {
        response: {
          statusCode: response.status,
          headers: Object.fromEntries(response.headers),
          body: response.body,
        },
      };
    },
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: VendorRequest): URL {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
  for (const [name, value] of Object.entries(query))
    for (const each of [value ?? ''].flat()) url.searchParams.append(name, each);
  return url;
}

function bytesOf(body: string | Uint8Array): Buffer<ArrayBuffer> {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
}

/** `fetch` says only that it failed; why is below. */
function causeOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
}
