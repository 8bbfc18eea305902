import { isExemptFromProxy } from '../../kernel/no-proxy.ts';

export interface ProxyVariables {
  readonly httpsProxy: string | undefined;
  readonly httpProxy: string | undefined;
  readonly noProxy: string | undefined;
}

interface ProxiedTarget {
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
}

/**
 * The proxy that applies to a target, or undefined for a direct connection. Throws an error without the value, which may
 * hold a password, when the variable is no proxy's URL.
 */
export function proxyFor(target: ProxiedTarget, variables: ProxyVariables): URL | undefined {
  const isSecure = target.protocol === 'https:';
  const chosen = isSecure ? variables.httpsProxy : variables.httpProxy;
  const { host: hostname, port } = target;
  if (!chosen || isExemptFromProxy({ hostname, port: Number(port) }, variables.noProxy ?? ''))
    return undefined;
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(chosen) ? chosen : `http://${chosen}`);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new Error(`${isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY'} is not the http:// or https:// URL of a proxy`);
}
