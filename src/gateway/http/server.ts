import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { type Accepted, CLIENT_LEFT_STATUS } from '../exchange.ts';
import type { Admission } from './access-control.ts';
import { bind } from './bind.ts';
import type { ClientAddress } from './client-address.ts';
import { lingerInsteadOfCut } from './linger.ts';
import { listenerRefusal, MAX_HEADER_LINES } from './listener-refusal.ts';
import { createParserRefusals } from './parser-errors.ts';
import { createRefusalLog } from './refusal-log.ts';
import { createReply } from './reply.ts';
import { createRequestIds } from './request-id.ts';
import { readRequestTarget } from './request-target.ts';
import type { Router } from './router.ts';

/** The request line and all headers together; tokens with hundreds of groups must fit. */
export const MAX_HEADER_BYTES = 256 * 1024;
const MIN_TLS_VERSION = 'TLSv1.2';
/** A connection that was made just before the listener closed may still bring its request. */
const LATE_REQUEST_MS = 1_000;
/** How long handlers may take after the last connection has gone. */
const SETTLE_MS = 5_000;
const NO_PARAMS = Object.freeze({});

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly keepAliveSeconds: number;
  /** Can only lower the built-in 256 KiB. */
  readonly maxRequestHeaderBytes: number | undefined;
  readonly maxUrlLength: number | undefined;
  /** How long a head may take to arrive. */
  readonly headersTimeoutMs?: number;
  /** How long a whole request may take to arrive; answers are not bounded. */
  readonly requestTimeoutMs?: number;
}

export interface HttpServerParts {
  readonly handle: Router;
  readonly clientAddress: (message: IncomingMessage) => ClientAddress;
  readonly admit: (client: ClientAddress, path: string, requestId: string) => Admission;
  /** Told of every answer: the path that was asked for and the status; 499 when the client left before there was one. */
  readonly onAnswered?: ((path: string, status: number) => void) | undefined;
  /** Told why of every request that is refused here, before an endpoint sees it. */
  readonly onRefused?: ((cause: string) => void) | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

export interface HttpServer {
  /** Resolves with the bound port. Throws CodedError `address_in_use` whenever the address cannot be bound. */
  listen(): Promise<{ readonly port: number }>;
  /** From now on answers say `Connection: close` and /readyz is 503. */
  startDraining(): void;
  readonly isDraining: boolean;
  readonly isListening: boolean;
  /** Requests whose answer is not complete, or whose handler is still at work. */
  readonly openRequests: number;
  /**
   * Stops accepting; resolves when every request is over, or shortly after the signal aborts. Connections without a
   * request go at once, those that may be about to bring one a second later.
   */
  close(signal: AbortSignal): Promise<void>;
  /** New connections get this certificate; a broken pair throws and the old one stays. */
  replaceCertificate(tls: { readonly cert: string; readonly key: string }): void;
}

export function createHttpServer(options: HttpServerOptions, parts: HttpServerParts): HttpServer {
  const { handle, clientAddress, admit, onAnswered, log, clock } = parts;
  const nextRequestId = createRequestIds();
  const noteRefusal = createRefusalLog(parts);
  const sockets = new Set<Socket>();
  const lastAnswers = new WeakMap<Socket, ServerResponse>();
  /** Where their requests end is not believed. */
  const distrusted = new WeakSet<Socket>();
  let isDraining = false;
  let openRequests = 0;
  let onRequestOver: () => void = () => undefined;

  const onRequest = (message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    openRequests += 1;
    const { socket } = message;
    if (!lastAnswers.has(socket))
      lingerInsteadOfCut(socket, () => lastAnswers.get(socket)?.req.complete === false);
    lastAnswers.set(socket, response);
    const requestId = nextRequestId();
    let unfinished = 2;
    const finished = (): void => {
      unfinished -= 1;
      if (unfinished > 0) return;
      openRequests -= 1;
      onRequestOver();
    };
    response.once('close', finished);
    const reply = createReply(response, {
      requestId,
      isDraining: () => isDraining,
      strictTransportSecurity: options.tls !== undefined,
    });
    const target = readRequestTarget(message.url ?? '/');
    const { path, query } = target;
    if (onAnswered)
      response.once('close', () =>
        onAnswered(path, response.headersSent ? response.statusCode : CLIENT_LEFT_STATUS),
      );
    const admission = admit(clientAddress(message), path, requestId);
    const refused =
      admission.kind === 'admitted' ? listenerRefusal(message, target, options.maxUrlLength) : undefined;
    if (refused) noteRefusal('listener', refused.cause, refused.code, requestId);
    if (refused?.code === 'bad_request') {
      response.shouldKeepAlive = false;
      distrusted.add(socket);
    }
    const refusal = admission.kind === 'denied' ? new CodedError('address_denied') : refused?.error;

    const request = acceptedFrom(message, response, {
      requestId,
      receivedAtMs: clock.monotonicMs(),
      path,
      query,
      clientIp: admission.kind === 'admitted' ? admission.ip : '',
      expectsContinue,
    });
    const handled = handle(request, reply, refusal);
    if (handled) void handled.then(finished);
    else finished();
  };

  const server = listenerFor(options);
  const refuse = createParserRefusals({
    nextRequestId,
    lastAnswer: (socket) => lastAnswers.get(socket),
    isRefused: (socket) => distrusted.has(socket),
    noteRefusal,
    log,
  });
  server.keepAliveTimeout = options.keepAliveSeconds * 1000;
  server.maxHeadersCount = MAX_HEADER_LINES;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const onPlain = (message: IncomingMessage, response: ServerResponse) => onRequest(message, response, false);
  server.on('request', onPlain);
  // An expectation that nobody knows is ignored like any other unknown header.
  server.on('checkExpectation', onPlain);
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) =>
    onRequest(message, response, true),
  );
  server.on('connect', (_message: IncomingMessage, socket: Socket) => refuse(socket, 'bad_request'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuse(socket, error));

  /** When all connections are gone, what is left is to write down how it ended. */
  const handlersToEnd = (): Promise<void> =>
    new Promise((resolve) => {
      const givenUp = setTimeout(resolve, SETTLE_MS);
      onRequestOver = () => {
        if (openRequests > 0) return;
        clearTimeout(givenUp);
        resolve();
      };
      onRequestOver();
    });

  return {
    listen: () => bind(server, options),
    startDraining() {
      isDraining = true;
    },
    get isDraining() {
      return isDraining;
    },
    get isListening() {
      return server.listening;
    },
    get openRequests() {
      return openRequests;
    },
    async close(signal) {
      const destroyAll = () => {
        for (const socket of sockets) socket.destroy();
      };
      let late: NodeJS.Timeout | undefined;
      onRequestOver = () => {
        server.closeIdleConnections();
        if (openRequests > 0) return;
        clearTimeout(late);
        late = setTimeout(() => openRequests === 0 && destroyAll(), LATE_REQUEST_MS);
      };
      signal.addEventListener('abort', destroyAll, { once: true });
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      onRequestOver();
      if (signal.aborted) destroyAll();
      await closed;
      clearTimeout(late);
      signal.removeEventListener('abort', destroyAll);
      await handlersToEnd();
    },
    replaceCertificate(tls) {
      if ('setSecureContext' in server) server.setSecureContext({ ...tls, minVersion: MIN_TLS_VERSION });
    },
  };
}

interface Known extends Pick<Accepted, 'requestId' | 'receivedAtMs' | 'path' | 'query' | 'clientIp'> {
  readonly expectsContinue: boolean;
}

function acceptedFrom(
  message: IncomingMessage,
  response: ServerResponse,
  { requestId, receivedAtMs, path, query, clientIp, expectsContinue }: Known,
): Accepted {
  return {
    requestId,
    receivedAtMs,
    method: message.method ?? 'GET',
    path,
    query,
    params: NO_PARAMS,
    headers: message.headers,
    clientIp,
    message,
    startBody: () => {
      if (expectsContinue && !response.headersSent) response.writeContinue();
    },
    onGone(callback) {
      const listener = () => {
        if (!response.writableFinished) callback();
      };
      response.once('close', listener);
      return () => response.off('close', listener);
    },
  };
}

function listenerFor(options: HttpServerOptions): Server | TlsServer {
  const headersTimeout = options.headersTimeoutMs ?? 30_000;
  const settings = {
    maxHeaderSize: Math.min(options.maxRequestHeaderBytes ?? MAX_HEADER_BYTES, MAX_HEADER_BYTES),
    headersTimeout,
    requestTimeout: options.requestTimeoutMs ?? 300_000,
    connectionsCheckingInterval: Math.min(5_000, headersTimeout),
    noDelay: true,
    insecureHTTPParser: false,
    // Refused by `listenerRefusal`, in the envelope.
    requireHostHeader: false,
  };
  return options.tls
    ? createTlsServer({
        ...settings,
        ...options.tls,
        handshakeTimeout: headersTimeout,
        minVersion: MIN_TLS_VERSION,
      })
    : createServer(settings);
}
