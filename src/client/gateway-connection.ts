import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { Agent, errors } from 'undici';
import { CodedError } from '../kernel/coded-error.ts';
import type { Fingerprint } from './fingerprint.ts';
import { type Destination, errorCode, fingerprintOf, openPinnedSocket } from './pinned-socket.ts';

export interface GatewayRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
  /** Path and query, starting with a slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer | Readable;
  readonly signal?: AbortSignal;
  /** Bound on the wait for the answer's headers; 0, the default, waits as long as the gateway does. */
  readonly headersTimeoutMs?: number;
}

export interface GatewayResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

/** What a gateway shows of itself before anything is sent to it. */
export interface PresentedCertificate {
  readonly fingerprint: Fingerprint;
  readonly issuer: string;
  readonly validFrom: string;
  readonly validTo: string;
}

/** Connections to one gateway, each to a judged address and, once trusted, only to the pinned certificate. */
export interface GatewayConnection {
  /** The gateway's origin. */
  readonly origin: string;
  /** Verifies the chain, reads the leaf certificate and hangs up; not a byte is sent inside TLS. */
  inspectCertificate(): Promise<PresentedCertificate>;
  /** From now on only this leaf certificate is talked to. */
  pin(fingerprint: Fingerprint): void;
  /**
   * Makes sure that the gateway presents the pinned certificate, by a connection that is closed at once; the one to a
   * gateway that was talked to has shown it. Over `http://` there is nothing to see. Throws what `request` throws.
   */
  checkCertificate(): Promise<void>;
  /** Redirects are not followed. Throws `gateway_unreachable` and what `openPinnedSocket` throws. */
  request(request: GatewayRequest): Promise<GatewayResponse>;
  close(): Promise<void>;
}

/**
 * Connects to a gateway. Over `https://` requests are refused with `fingerprint_required` until `pin` was called, so
 * that nothing can be sent to a certificate nobody looked at.
 */
export function createGatewayConnection(destination: Destination): GatewayConnection {
  const { gateway } = destination;
  let pinned: Fingerprint | undefined;
  let isChecked = false;

  function requirePin(): void {
    if (!gateway.isHttps || pinned !== undefined) return;
    throw new CodedError('fingerprint_required', {
      facts: { host: gateway.hostname, gateway: gateway.origin },
    });
  }

  async function openChecked(): Promise<Socket> {
    const socket = await openPinnedSocket(destination, pinned);
    isChecked = true;
    return socket;
  }

  const agent = new Agent({
    connect: (_options, callback) => {
      openChecked().then(
        (socket) => callback(null, socket),
        (error) => callback(error, null),
      );
    },
    // Answers of a model may take as long as they take; their bounds are the gateway's.
    headersTimeout: 0,
    bodyTimeout: 0,
    // A connection the gateway is about to close must not be given a request.
    keepAliveTimeout: 30_000,
  });

  return {
    origin: gateway.origin,
    async inspectCertificate() {
      const socket = await openPinnedSocket(destination);
      try {
        // Asked for once: Node hands the certificate out to the first caller only.
        const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
        if (!certificate) {
          throw new CodedError('certificate_untrusted', {
            facts: { host: gateway.hostname, reason: 'NO_CERTIFICATE' },
          });
        }
        return {
          fingerprint: fingerprintOf(certificate),
          issuer: certificate.issuer,
          validFrom: certificate.validFrom,
          validTo: certificate.validTo,
        };
      } finally {
        socket.destroy();
      }
    },
    pin(fingerprint) {
      pinned = fingerprint;
      isChecked = false;
    },
    async checkCertificate() {
      requirePin();
      if (gateway.isHttps && !isChecked) (await openChecked()).destroy();
    },
    async request({ method, path, headers = {}, body, signal, headersTimeoutMs = 0 }) {
      requirePin();
      try {
        const response = await agent.request({
          origin: gateway.origin,
          method,
          path,
          headers: mutable(headers),
          body: body ?? null,
          signal: signal ?? null,
          headersTimeout: headersTimeoutMs,
        });
        return { status: response.statusCode, headers: response.headers, body: response.body };
      } catch (error) {
        throw translate(error, gateway.origin, signal);
      }
    },
    close: () => agent.destroy(),
  };
}

function mutable(headers: NonNullable<GatewayRequest['headers']>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}

function translate(error: unknown, gateway: string, signal: AbortSignal | undefined): unknown {
  if (error instanceof CodedError) return error;
  if (signal?.aborted) return signal.reason;
  const reason = error instanceof errors.HeadersTimeoutError ? 'ETIMEDOUT' : (errorCode(error) ?? 'unknown');
  return new CodedError('gateway_unreachable', { facts: { gateway, reason }, cause: error });
}
