import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { CodedError } from '../kernel/coded-error.ts';
import { certificateChanged, type Fingerprint } from './fingerprint.ts';
import type { GatewayUrl } from './gateway-url.ts';
import { connectTcp, secureTls } from './open-socket.ts';
import { type CheckedProxy, openTunnel } from './proxy-tunnel.ts';

/** Where a connection may go, and who must answer there. */
export interface Destination {
  readonly gateway: GatewayUrl;
  /** Resolves and judges; called for each connection, so that a gateway may move while a program runs. */
  readonly route: () => Promise<Route>;
  /** Builds the context that holds the trusted authorities; asked for once, for `https://` only. */
  readonly secureContext: () => SecureContext;
  readonly timeoutMs: number;
}

/** Judged addresses; nothing else is ever connected to. */
export interface Route {
  readonly addresses: readonly string[];
  readonly proxy: CheckedProxy | undefined;
}

/**
 * Opens a connection to a judged address and, for `https://`, verifies the certificate's chain and name. Nothing has
 * been sent inside TLS when it resolves. Throws `gateway_unreachable` or `certificate_untrusted`, and
 * `certificate_changed` when the leaf is not the one in `pin`.
 */
export async function openPinnedSocket(destination: Destination, pin?: Fingerprint): Promise<Socket> {
  const { gateway } = destination;
  try {
    const transport = await openTransport(destination);
    if (!gateway.isHttps) return transport;
    const socket = await secureTls(
      transport,
      gateway.hostname,
      destination.secureContext(),
      destination.timeoutMs,
    );
    if (pin !== undefined) checkPin(socket, gateway, pin);
    return socket;
  } catch (error) {
    throw translate(error, gateway);
  }
}

export function fingerprintOf(certificate: X509Certificate): Fingerprint {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

function checkPin(socket: TLSSocket, { hostname: host, origin }: GatewayUrl, pin: Fingerprint): void {
  // A resumed session would show no certificate; none is ever resumed here, and one without does not pass.
  const certificate = socket.getPeerX509Certificate();
  const presented = certificate ? fingerprintOf(certificate) : 'none';
  if (presented === pin) return;
  socket.destroy();
  throw certificateChanged({ host, gateway: origin, known: pin, presented });
}

async function openTransport({ gateway, route, timeoutMs }: Destination): Promise<Socket> {
  const { addresses, proxy } = await route();
  const [address] = addresses;
  if (address === undefined) throw new CodedError('host_unresolvable', { facts: { host: gateway.hostname } });
  if (proxy) return openTunnel(proxy, { address, port: gateway.port }, timeoutMs);
  return connectTcp(addresses, gateway.port, timeoutMs);
}

function translate(error: unknown, { hostname, origin }: GatewayUrl): CodedError {
  if (error instanceof CodedError) return error;
  const reason = errorCode(error) ?? 'unknown';
  if (isCertificateError(reason)) {
    return new CodedError('certificate_untrusted', { facts: { host: hostname, reason }, cause: error });
  }
  return new CodedError('gateway_unreachable', { facts: { gateway: origin, reason }, cause: error });
}

/** The code of a Node error; of several attempts (one per address) that of the first. */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return errorCode(error.errors[0]);
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Node's names for a chain or a name that does not verify. */
function isCertificateError(code: string): boolean {
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' || verificationErrors.has(code);
}

const verificationErrors: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CRL_SIGNATURE_FAILURE',
  'CERT_NOT_YET_VALID',
  'CERT_HAS_EXPIRED',
  'CRL_NOT_YET_VALID',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'HOSTNAME_MISMATCH',
  'ERR_SSL_CERTIFICATE_VERIFY_FAILED',
]);
