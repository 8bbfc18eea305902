// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { secret } from '../kernel/secret.ts';
import { text } from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

/** PEM text of an unencrypted RSA key, PKCS#8 or PKCS#1. */
const privateKey = () =>
  text('PEM text of a private key')
    .refine((value) => rsaKeyOf(value) !== undefined, {
      error: 'must be PEM text of an unencrypted RSA key (PKCS#8 or PKCS#1)',
      abort: true,
    })
    .refine((value) => (rsaKeyOf(value)?.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048, {
      error: 'must be an RSA key of at least 2048 bits',
    })
    .transform(secret)
    .meta({ secret: true });

const oneCertificate = () =>
  text('PEM text of a certificate')
    .refine((value) => value.split('-----BEGIN CERTIFICATE-----').length === 2, {
      error: 'must be PEM text of exactly one certificate, without its chain',
      abort: true,
    })
    .refine((value) => certificateOf(value) !== undefined, {
      error: 'must be a certificate that can be read',
    })
    .transform(secret)
    .meta({ secret: true });

export const clientAssertionShape = z
  .strictObject({
    private_key_pem: privateKey().meta({
      title: 'Private key',
      description: 'PEM text of an unencrypted RSA key of at least 2048 bits, PKCS#8 or PKCS#1.',
      examples: ['${file:/run/secrets/client.key}'],
    }),
    certificate_pem: oneCertificate().meta({
      title: 'Certificate',
      description: 'PEM text of exactly one certificate, for the same key, without its chain.',
      examples: ['${file:/run/secrets/client.crt}'],
    }),
  })
  .meta({ title: 'Client assertion', description: 'Key and certificate for private_key_jwt.' });

export function checkClientAssertion(
  assertion: Valid<z.output<typeof clientAssertionShape>> | undefined,
  report: Report,
): void {
  const key = rsaKeyOf(assertion?.private_key_pem?.reveal());
  const certificate = certificateOf(assertion?.certificate_pem?.reveal());
  if (key && certificate && !certificate.checkPrivateKey(key))
    report.error(
      ['oidc', 'client_assertion', 'certificate_pem'],
      'does not belong to private_key_pem',
      'give the certificate that was made for that key',
    );
}

function rsaKeyOf(pem: string | undefined): KeyObject | undefined {
  try {
    const key = pem === undefined ? undefined : createPrivateKey(pem);
    return key?.asymmetricKeyType === 'rsa' ? key : undefined;
  } catch {
    return undefined;
  }
}

function certificateOf(pem: string | undefined): X509Certificate | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
