import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A leaf certificate and its key, both PEM. */
export interface Leaf {
  readonly key: string;
  readonly cert: string;
  /** SHA-256 of the DER form: 64 hex digits, lower case. */
  readonly fingerprint: string;
}

/** A private certificate authority for tests. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** `names` as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`; `days` may be negative for an expired one. */
  issue(names: readonly string[], days?: number): Leaf;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export function createAuthority(commonName = 'Test Authority'): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-ca-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const subject = ['-subj', `/CN=${commonName}`];
  const isAuthority = ['-addext', 'basicConstraints=critical,CA:TRUE'];
  openssl(
    'req',
    '-x509',
    ...KEY,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '30',
    ...subject,
    ...isAuthority,
  );

  let issued = 0;
  return {
    certificate: readFileSync(at('ca.pem'), 'utf8'),
    issue(names, days = 30) {
      issued += 1;
      const [key, request] = [at(`${issued}.key`), at(`${issued}.csr`)];
      const [cert, extensions] = [at(`${issued}.pem`), at(`${issued}.ext`)];
      writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
      openssl('req', ...KEY, '-keyout', key, '-out', request, '-subj', '/CN=leaf');
      const ca = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-set_serial', String(1000 + issued)];
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        ...ca,
        '-days',
        String(days),
        '-out',
        cert,
        '-extfile',
        extensions,
      );
      return leaf(key, cert);
    },
  };
}

/** A certificate that vouches for itself. */
export function createSelfSigned(names: readonly string[]): Leaf {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-self-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'pem')];
  const extension = ['-addext', `subjectAltName=${names.join(',')}`];
  const args = [
    'req',
    '-x509',
    ...KEY,
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '30',
    '-subj',
    '/CN=self',
    ...extension,
  ];
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    return leaf(key, cert);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function leaf(keyPath: string, certPath: string): Leaf {
  const cert = readFileSync(certPath, 'utf8');
  return {
    key: readFileSync(keyPath, 'utf8'),
    cert,
    fingerprint: new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}
