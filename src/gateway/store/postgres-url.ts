import { readFileSync } from 'node:fs';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Secret } from '../../kernel/secret.ts';

export interface PostgresTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string | undefined;
  readonly ssl: PostgresTls;
}

/** `prefer` tries TLS and goes on without; an object is handed to node:tls. */
export type PostgresTls =
  | false
  | 'prefer'
  | {
      readonly rejectUnauthorized: boolean;
      readonly ca?: string;
      readonly cert?: string;
      readonly key?: string;
      readonly checkServerIdentity?: () => undefined;
    };

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
      throw invalid(`has the parameter ${name}; only ${[...KNOWN_PARAMETERS].join(', ')} are understood`);
  }
  const username = overrides.username ?? decoded(parsed.username);
  const password = overrides.password?.reveal() ?? decoded(parsed.password);
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(parsed.port || 5432),
    database: decoded(parsed.pathname.slice(1)) || username || 'postgres',
    username: username || 'postgres',
    password: password || undefined,
    ssl: tlsOf(parsed.searchParams),
  };
}

function parsedUrl(url: string): URL {
  if (/^postgres(?:ql)?:\/\/[^/]*,/i.test(url)) throw invalid('names several hosts; it takes one');
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid('is not a URL like postgres://user:password@host:5432/database');
  }
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:')
    throw invalid('must start with postgres:// or postgresql://');
  return parsed;
}

function tlsOf(parameters: URLSearchParams): PostgresTls {
  const mode = parameters.get('sslmode') ?? 'prefer';
  const files = {
    ...fileOf(parameters, 'sslrootcert', 'ca'),
    ...fileOf(parameters, 'sslcert', 'cert'),
    ...fileOf(parameters, 'sslkey', 'key'),
  };
  switch (mode) {
    case 'disable':
      return false;
    case 'allow':
    case 'prefer':
      return 'prefer';
    case 'require':
      return { rejectUnauthorized: false, ...files };
    case 'verify-ca':
      return { rejectUnauthorized: true, ...files, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { rejectUnauthorized: true, ...files };
    default:
      throw invalid('has an unknown sslmode; use disable, prefer, require, verify-ca or verify-full');
  }
}

function fileOf(parameters: URLSearchParams, parameter: string, key: string): Record<string, string> {
  const path = parameters.get(parameter);
  if (path === null) return {};
  try {
    return { [key]: readFileSync(path, 'utf8') };
  } catch (cause) {
    throw invalid(`: ${parameter} names ${path}, which cannot be read`, cause);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('holds a % that is not part of an escape; write it as %25');
  }
}

function invalid(problem: string, cause?: unknown): CodedError {
  return new CodedError('config_invalid', { detail: `store.postgres_url ${problem}`, cause });
}
