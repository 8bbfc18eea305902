import { readFileSync } from 'node:fs';
import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Secret } from '../../kernel/secret.ts';

export interface PostgresTarget {
  /** A name, an address without brackets, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string | undefined;
  readonly ssl: PostgresTls;
}

/** `prefer` tries TLS and goes on without; an object is handed to node:tls. */
export type PostgresTls = false | 'prefer' | TlsOptions;

interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly checkServerIdentity?: (name: string, certificate: PeerCertificate) => Error | undefined;
}

const KNOWN_PARAMETERS = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey']);

/**
 * Reads `store.postgres_url`. The TLS parameters are read here and never sent to the server; another one is an error that
 * names it. Throws CodedError `config_invalid`; the URL itself is in no message, it may hold a password.
 */
export function parsePostgresUrl(
  url: string,
  overrides: { readonly username?: string | undefined; readonly password?: Secret | undefined },
): PostgresTarget {
  const parsed = parsedUrl(url);
  for (const name of parsed.searchParams.keys()) {
    if (!KNOWN_PARAMETERS.has(name))
      throw invalid(` has the parameter ${name}; only ${[...KNOWN_PARAMETERS].join(', ')} are understood`);
  }
  const username = overrides.username ?? decoded(parsed.username);
  const password = overrides.password?.reveal() ?? decoded(parsed.password);
  const host = decoded(parsed.hostname).replace(/^\[|\]$/g, '') || 'localhost';
  return {
    host,
    port: Number(parsed.port || 5432),
    database: decoded(parsed.pathname.slice(1)) || username || 'postgres',
    username: username || 'postgres',
    password: password || undefined,
    // As in libpq: a socket on this machine needs no TLS.
    ssl: host.startsWith('/') ? false : tlsOf(parsed.searchParams, host),
  };
}

function parsedUrl(url: string): URL {
  const authority = /^postgres(?:ql)?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(','))
    throw invalid(' names several hosts; it takes one');
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid(
      ' is not a URL like postgres://user:password@host:5432/database; in the password, / ? # @ and % are written as %2F %3F %23 %40 %25',
    );
  }
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:')
    throw invalid(' must start with postgres:// or postgresql://');
  return parsed;
}

function tlsOf(parameters: URLSearchParams, host: string): PostgresTls {
  const mode = parameters.get('sslmode') ?? 'prefer';
  const files = filesOf(parameters);
  const named = Object.keys(files).length > 0;
  switch (mode) {
    case 'disable':
      return false;
    case 'allow':
    case 'prefer':
      if (named) throw invalid(`: certificates need sslmode=require, verify-ca or verify-full, not ${mode}`);
      return 'prefer';
    case 'require':
      // With a certificate authority libpq verifies the chain in this mode as well.
      return files.ca === undefined ? { rejectUnauthorized: false, ...files } : verified(files, anyName);
    case 'verify-ca':
      return verified(files, anyName);
    case 'verify-full':
      return verified(files, (_name, certificate) => checkServerIdentity(host, certificate));
    default:
      throw invalid(' has an unknown sslmode; use disable, prefer, require, verify-ca or verify-full');
  }
}

function anyName(): undefined {
  return undefined;
}

function verified(
  files: TlsFiles,
  checkName: (name: string, certificate: PeerCertificate) => Error | undefined,
): TlsOptions {
  return { rejectUnauthorized: true, ...files, checkServerIdentity: checkName };
}

interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

function filesOf(parameters: URLSearchParams): TlsFiles {
  const files: TlsFiles = {
    ...fileOf(parameters, 'sslrootcert', 'ca'),
    ...fileOf(parameters, 'sslcert', 'cert'),
    ...fileOf(parameters, 'sslkey', 'key'),
  };
  if ((files.cert === undefined) !== (files.key === undefined))
    throw invalid(': sslcert and sslkey go together');
  return files;
}

/** Read and tried now: the driver would meet a broken file in the middle of a connection. */
function fileOf(parameters: URLSearchParams, parameter: string, key: keyof TlsFiles): TlsFiles {
  const path = parameters.get(parameter);
  if (path === null) return {};
  const text = textOf(path, parameter);
  if (!/-----BEGIN [A-Z0-9 ]+-----/.test(text))
    throw invalid(`: ${parameter} names ${path}, which is not PEM`);
  try {
    createSecureContext({ [key]: text });
  } catch (cause) {
    throw invalid(`: ${parameter} names ${path}, which cannot be used`, cause);
  }
  return { [key]: text };
}

function textOf(path: string, parameter: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw invalid(`: ${parameter} names ${path}, which cannot be read`, cause);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(' holds a % that is not part of an escape; write it as %25');
  }
}

function invalid(problem: string, cause?: unknown): CodedError {
  return new CodedError('config_invalid', { detail: `store.postgres_url${problem}`, cause });
}
