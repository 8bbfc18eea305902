import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import type { Accepted } from '../exchange.ts';
import type { Admission } from './access-control.ts';
import type { ClientAddress } from './client-address.ts';
import { listenerRefusal, MAX_HEADER_LINES } from './listener-refusal.ts';
import { createParserRefusals } from './parser-errors.ts';
import { createReply } from './reply.ts';
import { createRequestIds } from './request-id.ts';
import type { Router } from './router.ts';

/** The request line and all headers together; tokens with hundreds of groups must fit. */
const MAX_HEADER_BYTES = 256 * 1024;
const MIN_TLS_VERSION = 'TLSv1.2';
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
  readonly log: Log;
  readonly clock: Clock;
}

export interface HttpServer {
  /** Resolves with the bound port. Throws CodedError `address_in_use` whenever the address cannot be bound. */
  listen(): Promise<{ readonly port: number }>;
  /** From now on answers say `Connection: close` and /readyz is 503. */
  startDraining(): void;
  readonly isDraining: boolean;
  /** Requests whose answer is not complete. */
  readonly openRequests: number;
  /** Stops accepting; resolves when every answer is complete, or the signal aborts. What connections are left then go. */
  close(signal: AbortSignal): Promise<void>;
  /** New connections get this certificate; a broken pair throws and the old one stays. */
  replaceCertificate(tls: { readonly cert: string; readonly key: string }): void;
}

export function createHttpServer(options: HttpServerOptions, parts: HttpServerParts): HttpServer {
  const { handle, clientAddress, admit, log, clock } = parts;
  const nextRequestId = createRequestIds();
  const sockets = new Set<Socket>();
  const lastAnswers = new WeakMap<Socket, ServerResponse>();
  let isDraining = false;
  let openRequests = 0;
  let onQuiet: () => void = () => undefined;

  const onRequest = (message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    openRequests += 1;
    lastAnswers.set(message.socket, response);
    const requestId = nextRequestId();
    response.once('close', () => {
      openRequests -= 1;
      if (openRequests === 0) onQuiet();
    });
    const reply = createReply(response, {
      requestId,
      isDraining: () => isDraining,
      strictTransportSecurity: options.tls !== undefined,
    });
    const url = message.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark === -1 ? url : url.slice(0, mark);
    const admission = admit(clientAddress(message), path, requestId);
    const refusal =
      admission.kind === 'denied'
        ? new CodedError('address_denied')
        : listenerRefusal(message, url, options.maxUrlLength);
    if (refusal?.code === 'bad_request') response.shouldKeepAlive = false;

    const request = acceptedFrom(message, response, {
      requestId,
      receivedAtMs: clock.monotonicMs(),
      path,
      query: mark === -1 ? '' : url.slice(mark),
      clientIp: admission.kind === 'admitted' ? admission.ip : '',
      expectsContinue,
    });
    void handle(request, reply, refusal);
  };

  const server = listenerFor(options);
  const refuse = createParserRefusals({
    nextRequestId,
    lastAnswer: (socket) => lastAnswers.get(socket),
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

  return {
    listen: () => listenOn(server, options),
    startDraining() {
      isDraining = true;
    },
    get isDraining() {
      return isDraining;
    },
    get openRequests() {
      return openRequests;
    },
    close(signal) {
      const destroyAll = () => {
        for (const socket of sockets) socket.destroy();
      };
      // Connections without a request under way must not hold up the end until they time out.
      onQuiet = destroyAll;
      signal.addEventListener('abort', destroyAll, { once: true });
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      if (openRequests === 0 || signal.aborted) destroyAll();
      return closed.finally(() => signal.removeEventListener('abort', destroyAll));
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

function listenOn(server: Server | TlsServer, { host, port }: HttpServerOptions): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const detail =
        cause.code === 'EADDRINUSE'
          ? `listen.port: ${host}:${port} is in use by another process; choose another port or stop it`
          : `listen: cannot bind ${host}:${port} (${cause.code ?? cause.message})`;
      reject(new CodedError('address_in_use', { detail, cause }));
    };
    server.once('error', failed);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', failed);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}
