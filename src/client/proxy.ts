import { CodedError } from '../kernel/coded-error.ts';
import { isExemptFromProxy } from '../kernel/no-proxy.ts';
import { bareHostname, type GatewayUrl, isLoopbackName } from './gateway-url.ts';

/** The HTTP proxy that the environment prescribes for a gateway. Credentials stay apart from what may be printed. */
export interface HttpProxy {
  /** Host and port, safe to print. */
  readonly label: string;
  readonly hostname: string;
  readonly port: number;
  readonly isHttps: boolean;
  /** Value of `Proxy-Authorization`, if the variable held credentials. */
  readonly authorization: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Which proxy applies: HTTPS_PROXY, then HTTP_PROXY (lower case first) for `https://`, HTTP_PROXY for `http://`, none
 * for this machine itself or what NO_PROXY names. Throws `bad_usage` for a proxy that is not an HTTP proxy.
 */
export function proxyFor(gateway: GatewayUrl, env: Env): HttpProxy | undefined {
  if (isLoopbackName(gateway.hostname)) return undefined;
  const names = gateway.isHttps ? ['https_proxy', 'http_proxy'] : ['http_proxy'];
  const found = names.flatMap((name) => [name, name.toUpperCase()]).find((name) => env[name]);
  const value = found && env[found];
  if (!value || isExemptFromProxy(gateway, env['no_proxy'] || env['NO_PROXY'] || '')) return undefined;
  return parseProxy(value, found);
}

/** The entry that makes connections to this gateway direct. */
export function noProxyEntry(gateway: GatewayUrl): string {
  return gateway.hostname;
}

function parseProxy(value: string, variable: string): HttpProxy {
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || !url.hostname) {
    throw new CodedError('bad_usage', { detail: `${variable} does not hold the URL of an HTTP proxy` });
  }
  const isHttps = url.protocol === 'https:';
  const port = Number(url.port || (isHttps ? 443 : 80));
  return {
    label: `${url.hostname}:${port}`,
    hostname: bareHostname(url.hostname),
    port,
    isHttps,
    authorization: url.username || url.password ? basic(url) : undefined,
  };
}

function basic(url: URL): string {
  return `Basic ${Buffer.from(`${decoded(url.username)}:${decoded(url.password)}`).toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is part of the password.
    return text;
  }
}
