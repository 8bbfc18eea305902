import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIPv6, type Socket } from 'node:net';

/** The proxy's word for a target that it cannot reach; another address of the same name may do better. */
const TARGET_UNREACHED = new Set([502, 503, 504]);

/**
 * Opens a CONNECT tunnel (RFC 9110 section 9.3.6) through an HTTP proxy. The proxy itself is the operator's: it is not
 * judged. Rejects with a plain error that names the proxy's host, never its credentials.
 */
export function openTunnel(proxy: URL, host: string, port: number, timeoutMs: number): Promise<Socket> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const headers: Record<string, string> = { host: authority };
  if (proxy.username) {
    const credentials = `${decoded(proxy.username)}:${decoded(proxy.password)}`;
    headers['proxy-authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  const request = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const call = request({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers,
      agent: false,
      timeout: timeoutMs,
    });
    const fail = (why: string, code?: string) =>
      reject(Object.assign(new Error(`HTTP proxy ${proxy.host}: ${why}`), code ? { code } : {}));
    call.once('connect', ({ statusCode = 0 }, socket, early) => {
      socket.setTimeout(0);
      if (statusCode >= 200 && statusCode < 300 && early.length === 0) return resolve(socket);
      socket.destroy();
      fail(
        `refused the tunnel with status ${statusCode}`,
        TARGET_UNREACHED.has(statusCode) ? 'EHOSTUNREACH' : '',
      );
    });
    call.once('timeout', () => call.destroy(new Error('no answer in time')));
    call.once('error', (error) => fail(error.message));
    call.end();
  });
}

/** Percent-decoded where it is percent-encoding: passwords with a bare `%` are taken as they are. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
