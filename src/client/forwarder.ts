import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { CodedError, isCodedError } from '../kernel/coded-error.ts';
import type { GatewayConnection, GatewayRequest, GatewayResponse } from './gateway-connection.ts';
import { readText } from './json-request.ts';

/** A door to the gateway for programs on this machine that know its secret. */
export interface Forwarder {
  readonly url: string;
  /** What programs send as their key. It opens this door only, and only while it is there. */
  readonly secret: string;
  close(): Promise<void>;
}

export interface ForwarderOptions {
  readonly connect: () => Promise<GatewayConnection>;
  /** A token that is good for some minutes; asked for with each request. */
  readonly currentToken: () => Promise<string>;
  /** The token to try instead of one that the gateway refused. */
  readonly renewedToken: (refused: string) => Promise<string>;
  /** Puts an error that kept a request from the gateway into a sentence for the developer. */
  readonly describe: (error: unknown) => string;
}

/**
 * Listens on a free loopback port and passes requests on to the gateway with the current token in place of the secret.
 * Answers stream at the speed of the slower side; a connection that breaks on one side is broken on the other. A body is
 * held until the answer begins, so that it can be sent again with a renewed token when the gateway refuses the first.
 * One of unknown length, and one too many to hold, streams: then the refusal stands, and the next request succeeds.
 */
export async function startForwarder({
  connect,
  currentToken,
  renewedToken,
  describe,
}: ForwarderOptions): Promise<Forwarder> {
  const secret = randomBytes(32).toString('base64url');
  const hold = createHold(MOST_HELD_BYTES);
  const server = createServer(SERVER_OPTIONS, (request, response) => {
    serve(request, response).catch((error: unknown) => refuse(response, error, describe));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort(new CodedError('client_left'));
      // What is left of a body that nobody wants any more; the connection is good for the next request.
      request.unpipe().resume();
    });
    if (!presents(request, secret)) throw new CodedError('unauthenticated');
    const answer = await hold(request, (body) => ask(request, body, gone.signal));
    response.writeHead(answer.status, withoutHopByHop(answer.headers));
    response.flushHeaders();
    await pipeline(answer.body, response);
  }

  async function ask(request: IncomingMessage, body: Body, signal: AbortSignal): Promise<GatewayResponse> {
    const [connection, token] = await Promise.all([connect(), currentToken()]);
    const send = (bearer: string) =>
      connection.request({
        method: methodOf(request),
        path: request.url ?? '/',
        headers: { ...forwarded(request), authorization: `Bearer ${bearer}` },
        ...(body === undefined ? {} : { body }),
        signal,
      });
    const answer = await send(token);
    if (answer.status !== UNAUTHENTICATED) return answer;
    const renewed = await renewedToken(token);
    if (body instanceof Readable) return answer;
    await readText(answer);
    return send(renewed);
  }

  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    secret,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const UNAUTHENTICATED = 401;

/** Twice what the Messages API takes of one request. */
const MOST_HELD_BYTES = 64 * 1024 * 1024;

/** What a request carries: nothing, bytes that can be sent again, or a stream that can be sent once. */
type Body = Buffer | Readable | undefined;

/** Lends the body of a request to some work, in memory while all the bodies held at the same time fit into `mostBytes`. */
function createHold(mostBytes: number) {
  let heldBytes = 0;
  return async <T>(request: IncomingMessage, work: (body: Body) => Promise<T>): Promise<T> => {
    if (!hasBody(request)) return work(undefined);
    const length = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    if (heldBytes + length > mostBytes) return work(streamOf(request));
    heldBytes += length;
    try {
      return await work(await buffer(request));
    } finally {
      heldBytes -= length;
    }
  };
}

/** A stream of its own: when the gateway answers early it is destroyed, and the program's connection must not be. */
function streamOf(request: IncomingMessage): Readable {
  // Whoever destroys it knows why.
  return request.pipe(new PassThrough()).on('error', () => undefined);
}

/** Uploads may take their time; idle connections outlive the pauses of the programs that keep them. */
const SERVER_OPTIONS = { requestTimeout: 0, keepAliveTimeout: 120_000, noDelay: true } as const;

const METHODS: ReadonlyMap<string, GatewayRequest['method']> = new Map(
  (['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const).map((name) => [name, name]),
);

function methodOf({ method = '' }: IncomingMessage): GatewayRequest['method'] {
  const known = METHODS.get(method);
  if (!known) throw new CodedError('method_not_allowed');
  return known;
}

/** Compared by hash, so that the time it takes says nothing about the secret. */
function presents({ headers }: IncomingMessage, secret: string): boolean {
  const key = headers['x-api-key'];
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  const presented = bearer ?? (typeof key === 'string' ? key : '');
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(presented), digest(secret));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** RFC 9110 section 7.6.1, and `expect`, which this server has answered already. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

/** The developer's program speaks to this door: its key, its host and its cookies stay here. */
const kept: ReadonlySet<string> = new Set(['authorization', 'x-api-key', 'host', 'cookie']);

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

function forwarded({ headers }: IncomingMessage): Record<string, string | string[]> {
  const passed = withoutHopByHop(headers);
  return Object.fromEntries(Object.entries(passed).filter(([name]) => !kept.has(name)));
}

function withoutHopByHop(headers: Headers): Record<string, string | string[]> {
  const named = headers['connection'];
  const listed = typeof named === 'string' ? named.toLowerCase().split(/[\s,]+/) : [];
  const passed: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || listed.includes(name)) continue;
    passed[name] = typeof value === 'string' ? value : [...value];
  }
  return passed;
}

/** Before the answer began the program gets a sentence in the Messages API envelope; after, a broken connection. */
function refuse(response: ServerResponse, error: unknown, describe: ForwarderOptions['describe']): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, type, message = describe(error) } = answerFor(error);
  const body = JSON.stringify({ type: 'error', error: { type, message } });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...(status === 401 ? { 'x-should-retry': 'false' } : {}),
  });
  response.end(body);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  /** Without one the error is described. */
  readonly message?: string;
}

function answerFor(error: unknown): Answer {
  if (isCodedError(error, 'unauthenticated')) {
    return { status: 401, type: 'authentication_error', message: 'The key is not that of this forwarder' };
  }
  if (isCodedError(error, 'session_over') || isCodedError(error, 'not_signed_in')) {
    return { status: 401, type: 'authentication_error' };
  }
  if (isCodedError(error, 'method_not_allowed')) return { status: 405, type: 'invalid_request_error' };
  return { status: 502, type: 'api_error' };
}
