import { CodedError } from '../kernel/coded-error.ts';

/** A gateway's address as a developer may write it, checked: an origin and nothing else. */
export interface GatewayUrl {
  /** Scheme, host and port as browsers write an origin. */
  readonly origin: string;
  /** Without brackets, lower case, without a trailing dot: what is resolved, verified and trusted. */
  readonly hostname: string;
  readonly port: number;
  readonly isHttps: boolean;
}

/**
 * Reads the address of a gateway. A bare host gets `https://`; `http://` is for this machine only. Throws
 * `insecure_url` for `http://` to another host and `bad_usage` for what is not an origin.
 */
export function parseGatewayUrl(text: string): GatewayUrl {
  const trimmed = text.trim();
  const url = parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new CodedError('insecure_url');
  if (url.username || url.password) throw notAnOrigin('it must not hold a user name or password');
  if (url.pathname !== '/' || url.search || url.hash) {
    throw notAnOrigin('it must be scheme, host and port only, such as https://gateway.example.com');
  }
  const hostname = bareHostname(url.hostname);
  if (!hostname) throw notAnOrigin('it has no host');
  const isHttps = url.protocol === 'https:';
  if (!isHttps && !isLoopbackName(hostname)) throw new CodedError('insecure_url');
  url.hostname = url.hostname.replace(/\.$/, '');
  return { origin: url.origin, hostname, port: Number(url.port || (isHttps ? 443 : 80)), isHttps };
}

/** Whether a URL's host names this machine by itself, without asking a resolver. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** A URL's host as resolvers and certificates know it. */
export function bareHostname(hostname: string): string {
  return hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw notAnOrigin('it is not a URL', cause);
  }
}

function notAnOrigin(why: string, cause?: unknown): CodedError {
  return new CodedError('bad_usage', { detail: `The gateway's address cannot be used: ${why}`, cause });
}
