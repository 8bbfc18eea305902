import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIPv6, type Socket } from 'node:net';

/**
 * Opens a CONNECT tunnel (RFC 9110 section 9.3.6) through an HTTP proxy. The proxy itself is the operator's: it is not
 * judged. Rejects with a plain error that names the proxy's host, never its credentials.
 */
export function openTunnel(proxy: URL, host: string, port: number, timeoutMs: number): Promise<Socket> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const headers: Record<string, string> = { host: authority };
  if (proxy.username) {
    const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
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
    const fail = (why: string) => reject(new Error(`HTTP proxy ${proxy.host}: ${why}`));
    call.once('connect', (response, socket, early) => {
      socket.setTimeout(0);
      if (response.statusCode === 200 && early.length === 0) return resolve(socket);
      socket.destroy();
      fail(`refused the tunnel with status ${response.statusCode}`);
    });
    call.once('response', (response) => {
      response.resume();
      fail(`answered CONNECT with status ${response.statusCode}`);
    });
    call.once('timeout', () => call.destroy(new Error('no answer in time')));
    call.once('error', (error) => fail(error.message));
    call.end();
  });
}
