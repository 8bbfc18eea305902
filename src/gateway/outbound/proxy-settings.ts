import { formatIpAddress, parseIpAddress } from '../../kernel/ip-address.ts';

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
 * The proxy that applies to a target, or undefined for a direct connection. `NO_PROXY`: `*`, exact hosts, `.domain`, with
 * an optional port. Throws an error without the value, which may hold a password, when the variable is no proxy's URL.
 */
export function proxyFor(target: ProxiedTarget, variables: ProxyVariables): URL | undefined {
  const isSecure = target.protocol === 'https:';
  const chosen = isSecure ? variables.httpsProxy : variables.httpProxy;
  if (!chosen || isExempt(target, variables.noProxy ?? '')) return undefined;
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(chosen) ? chosen : `http://${chosen}`);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new Error(`${isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY'} is not the http:// or https:// URL of a proxy`);
}

function isExempt({ host: asked, port }: ProxiedTarget, noProxy: string): boolean {
  const host = canonicalHost(asked);
  return noProxy.split(/[,\s]+/).some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    const withPort = /^(.*?):(\d+)$/.exec(entry);
    const hasPort = withPort !== null && (entry.startsWith('[') || !withPort[1]?.includes(':'));
    if (hasPort && withPort[2] !== port) return false;
    const name = canonicalHost((hasPort ? withPort[1] : entry) ?? '').replace(/^\*\./, '.');
    return name.startsWith('.') ? host.endsWith(name) || host === name.slice(1) : host === name;
  });
}

function canonicalHost(host: string): string {
  const address = parseIpAddress(host);
  return address ? formatIpAddress(address) : host.replace(/\.$/, '').toLowerCase();
}
