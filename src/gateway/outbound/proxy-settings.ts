import { formatIpAddress, parseIpAddress } from '../../kernel/ip-address.ts';

export interface ProxyVariables {
  readonly httpsProxy: string | undefined;
  readonly httpProxy: string | undefined;
  readonly noProxy: string | undefined;
}

/** The proxy that applies to a target, or undefined for a direct connection. `NO_PROXY`: `*`, exact hosts, `.domain`, with an optional port. */
export function proxyFor(
  target: { readonly protocol: string; readonly hostname: string; readonly port: string },
  variables: ProxyVariables,
): URL | undefined {
  const chosen = target.protocol === 'https:' ? variables.httpsProxy : variables.httpProxy;
  if (!chosen || isExempt(target, variables.noProxy ?? '')) return undefined;
  return new URL(/^[a-z]+:\/\//i.test(chosen) ? chosen : `http://${chosen}`);
}

function isExempt(
  target: { readonly hostname: string; readonly port: string; readonly protocol: string },
  noProxy: string,
): boolean {
  const host = canonicalHost(target.hostname);
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
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
