/** What is asked for. */
export interface RequestTarget {
  readonly path: string;
  /** With its `?`, or the empty string. */
  readonly query: string;
  /** What an absolute target names before the path; undefined of the usual form. */
  readonly authority: Authority | undefined;
}

export interface Authority {
  readonly scheme: string;
  /** `host[:port]` as it stands there. */
  readonly host: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/is;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

/** Reads a request target in any of its forms (RFC 9112 section 3.2); what is none is a path that nothing has. */
export function readRequestTarget(url: string): RequestTarget {
  const absolute = url.startsWith('/') ? null : ABSOLUTE.exec(url);
  if (!absolute) return target(url, undefined);
  const [, scheme = '', host = '', rest = ''] = absolute;
  return target(rest.startsWith('/') ? rest : `/${rest}`, { scheme: scheme.toLowerCase(), host });
}

/** Whether an absolute target names the same host as the `Host` header, which HTTP/1.0 may leave out. */
export function isSameHost({ scheme, host }: Authority, named: string | undefined): boolean {
  if (host === '' || host.includes('@')) return false;
  return named === undefined || withoutDefaultPort(named, scheme) === withoutDefaultPort(host, scheme);
}

function target(pathAndQuery: string, authority: Authority | undefined): RequestTarget {
  const mark = pathAndQuery.indexOf('?');
  if (mark === -1) return { path: pathAndQuery, query: '', authority };
  return { path: pathAndQuery.slice(0, mark), query: pathAndQuery.slice(mark), authority };
}

function withoutDefaultPort(host: string, scheme: string): string {
  const lower = host.toLowerCase();
  const port = DEFAULT_PORTS[scheme];
  return port !== undefined && lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}
