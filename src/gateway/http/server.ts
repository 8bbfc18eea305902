import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Log } from '../../kernel/log.ts';
import { messagesError } from '../errors.ts';
import type { Accepted } from '../exchange.ts';
import type { Admission } from './access-control.ts';
import type { ClientAddress } from './client-address.ts';
import { answerUnparseable } from './parser-errors.ts';
import { createReply } from './reply.ts';
import { createRequestIds } from './request-id.ts';
import { type Handler, sendError } from './router.ts';

/** The request line and all headers together; tokens with hundreds of groups must fit. */
const MAX_HEADER_BYTES = 256 * 1024;

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
  readonly handle: Handler;
  readonly clientAddress: (message: IncomingMessage) => ClientAddress;
  readonly admit: (client: ClientAddress, path: string, requestId: string) => Admission;
  readonly log: Log;
  readonly clock: Clock;
}

export interface HttpServer {
  /** Throws CodedError `address_in_use` or `bad_request`-free system errors; resolves with the bound port. */
  listen(): Promise<{ readonly port: number }>;
  /** From now on answers say `Connection: close` and /readyz is 503. */
  startDraining(): void;
  readonly isDraining: boolean;
  /** Requests whose answer is not complete. */
  readonly openRequests: number;
  /** Stops accepting; resolves when every answer is complete or the signal aborts, which destroys what is left. */
  close(signal: AbortSignal): Promise<void>;
  /** New connections get this certificate; a broken pair throws and the old one stays. */
  replaceCertificate(tls: { readonly cert: string; readonly key: string }): void;
}

export function createHttpServer(options: HttpServerOptions, parts: HttpServerParts): HttpServer {
  const { handle, clientAddress, admit, log, clock } = parts;
  const nextRequestId = createRequestIds();
  let isDraining = false;
  let openRequests = 0;

  const onRequest = (message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    openRequests += 1;
    const requestId = nextRequestId();
    response.once('close', () => {
      openRequests -= 1;
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
    const refusal = refusalOf(message, url, admission, options.maxUrlLength);
    if (refusal) return sendError(messagesError(refusal, requestId), reply);

    const request: Accepted = {
      requestId,
      receivedAtMs: clock.monotonicMs(),
      method: message.method ?? 'GET',
      path,
      query: mark === -1 ? '' : url.slice(mark),
      params: {},
      headers: message.headers,
      clientIp: admission.kind === 'admitted' ? admission.ip : '',
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
    void handle(request, reply);
  };

  const server = listenerFor(options);
  server.keepAliveTimeout = options.keepAliveSeconds * 1000;
  server.on('request', (message: IncomingMessage, response: ServerResponse) =>
    onRequest(message, response, false),
  );
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) =>
    onRequest(message, response, true),
  );
  server.on('connect', (_message: IncomingMessage, socket: Socket) =>
    answerUnparseable(socket, 'bad_request', nextRequestId()),
  );
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket) => {
    const requestId = nextRequestId();
    const code = answerUnparseable(socket, error, requestId);
    if (code)
      log.warn(
        `request refused by the HTTP parser request_id=${requestId}: ${code} (${error.code ?? error.message})`,
      );
  });

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
    close: (signal) => closeServer(server, signal),
    replaceCertificate(tls) {
      if ('setSecureContext' in server) server.setSecureContext(tls);
    },
  };
}

function listenerFor(options: HttpServerOptions): Server | TlsServer {
  const settings = {
    maxHeaderSize: Math.min(options.maxRequestHeaderBytes ?? MAX_HEADER_BYTES, MAX_HEADER_BYTES),
    headersTimeout: options.headersTimeoutMs ?? 30_000,
    requestTimeout: options.requestTimeoutMs ?? 300_000,
    connectionsCheckingInterval: Math.min(5_000, options.headersTimeoutMs ?? 30_000),
    noDelay: true,
    insecureHTTPParser: false,
    // Answered by `refusalOf`, in the envelope.
    requireHostHeader: false,
  };
  return options.tls
    ? createTlsServer({ ...settings, ...options.tls, minVersion: 'TLSv1.2' })
    : createServer(settings);
}

function refusalOf(
  message: IncomingMessage,
  url: string,
  admission: Admission,
  maxUrlLength: number | undefined,
): CodedError | undefined {
  if (admission.kind === 'denied') return new CodedError('address_denied');
  if (maxUrlLength !== undefined && url.length > maxUrlLength) return new CodedError('uri_too_long');
  if (message.headers.host === undefined && message.httpVersion === '1.1')
    return new CodedError('bad_request');
  // RFC 9112 section 6.1: both framings at once are an attempt at smuggling. Node refuses most of them already.
  if (message.headers['transfer-encoding'] !== undefined && message.headers['content-length'] !== undefined) {
    return new CodedError('bad_request');
  }
  return url.startsWith('/') || url === '*' ? undefined : new CodedError('bad_request');
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

function closeServer(server: Server | TlsServer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const destroy = () => server.closeAllConnections();
    signal.addEventListener('abort', destroy, { once: true });
    server.close(() => {
      signal.removeEventListener('abort', destroy);
      resolve();
    });
    server.closeIdleConnections();
    if (signal.aborted) destroy();
  });
}
