import { createHash, createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';
import type { Secret } from '../../kernel/secret.ts';

export interface ClientAssertionOptions {
  /** PEM of an unencrypted RSA key of at least 2048 bits, PKCS#8 or PKCS#1. */
  readonly privateKeyPem: Secret;
  /** PEM of exactly one certificate, for the same key. */
  readonly certificatePem: string;
}

/** Signs an assertion for the token endpoint with this URL. */
export type SignClientAssertion = (clientId: string, tokenEndpoint: string) => Promise<string>;

const LIFETIME_SECONDS = 60;
const WARN_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

/**
 * `private_key_jwt` (RFC 7523 section 3): RS256, the certificate named by `x5t` and `x5t#S256`, no `kid`, the token
 * endpoint as audience. Logs the certificate's name, thumbprint and end; warns when it is not valid or about to end.
 * Throws CodedError `idp_misconfigured` naming the setting.
 */
export function createClientAssertion(
  options: ClientAssertionOptions,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): SignClientAssertion {
  const key = readKey(options.privateKeyPem);
  const certificate = readCertificate(options.certificatePem);
  if (!certificate.checkPrivateKey(key))
    throw misconfigured('certificate_pem', 'it does not belong to private_key_pem');
  report(certificate, clock.now(), log);

  const header = {
    alg: 'RS256',
    typ: 'JWT',
    x5t: createHash('sha1').update(certificate.raw).digest('base64url'),
    'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url'),
  };
  return (clientId, tokenEndpoint) => {
    const issuedAt = Math.floor(clock.now() / 1000);
    return new SignJWT()
      .setProtectedHeader(header)
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(tokenEndpoint)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .sign(key);
  };
}

function readKey(pem: Secret): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem.reveal());
  } catch {
    // The parser's words may quote the input.
    throw misconfigured('private_key_pem', 'it is not an unencrypted PEM private key');
  }
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
    throw misconfigured('private_key_pem', 'it must be an RSA key of at least 2048 bits');
  return key;
}

function readCertificate(pem: string): X509Certificate {
  if (pem.split('-----BEGIN CERTIFICATE-----').length !== 2)
    throw misconfigured('certificate_pem', 'it must hold exactly one certificate, without its chain');
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw misconfigured('certificate_pem', 'it cannot be read', cause);
  }
}

function report(certificate: X509Certificate, nowMs: number, log: Log): void {
  const name = escapeControl(
    /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1] ?? 'a certificate without a common name',
  );
  const thumbprint = certificate.fingerprint.replaceAll(':', '');
  const end = certificate.validToDate.toISOString();
  log.info(
    `client certificate for the identity provider: ${name}, SHA-1 thumbprint ${thumbprint}, valid until ${end}`,
  );
  const restMs = certificate.validToDate.getTime() - nowMs;
  if (certificate.validFromDate.getTime() > nowMs)
    log.warn(
      `oidc.client_assertion.certificate_pem is not valid before ${certificate.validFromDate.toISOString()}`,
    );
  else if (restMs <= 0) log.warn(`oidc.client_assertion.certificate_pem expired at ${end}; renew it`);
  else if (restMs <= WARN_DAYS * DAY_MS)
    log.warn(
      `oidc.client_assertion.certificate_pem expires in ${Math.floor(restMs / DAY_MS)} days; renew it`,
    );
}

function misconfigured(setting: string, why: string, cause?: unknown): CodedError {
  return new CodedError('idp_misconfigured', { detail: `oidc.client_assertion.${setting}: ${why}`, cause });
}
