import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Accepted } from '../../../src/gateway/exchange.ts';
import { createBodyReader } from '../../../src/gateway/http/body.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { answersIn, exchangeRaw, openRaw } from '../../support/raw-http.ts';
import { createSelfSigned, type Leaf } from '../../support/tls.ts';

const H = 'Host: gateway.test\r\n';
const CLOSE = `${H}Connection: close\r\n`;
const readBody = createBodyReader({ maxBytes: 1_000 });
const closing: (() => Promise<void>)[] = [];
let accepted: Accepted[] = [];

const routes = [
  route((request, reply) => {
    accepted.push(request);
    reply.json(200, { ok: true });
  }),
  route(async (request, reply) => reply.json(200, { size: (await readBody(request)).length }), {
    method: 'POST',
    path: '/body',
  }),
  route((_request, reply) => reply.json(200, { path: 'oauth' }), { path: '/oauth/token', envelope: 'oauth' }),
];

async function listen(options: Parameters<typeof startListener>[1] = {}): Promise<TestListener> {
  const listener = await startListener(routes, options);
  closing.push(listener.close);
  return listener;
}

beforeEach(() => {
  accepted = [];
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe('the listener', () => {
  it('hands on path, query, method, headers and the address it was told', async () => {
    const { port } = await listen();
    await exchangeRaw(port, `GET /?a=%20&b?c HTTP/1.1\r\n${CLOSE}X-One: 1\r\nX-One: 2\r\n\r\n`);
    expect(accepted[0]).toMatchObject({
      method: 'GET',
      path: '/',
      query: '?a=%20&b?c',
      params: {},
      clientIp: '192.0.2.1',
      headers: { host: 'gateway.test', 'x-one': '1, 2' },
    });
  });

  it('gives each request an id of its own, which its answer repeats', async () => {
    const { port } = await listen();
    const { text } = await exchangeRaw(
      port,
      `${`GET / HTTP/1.1\r\n${H}\r\n`.repeat(600)}GET / HTTP/1.1\r\n${CLOSE}\r\n`,
    );
    const ids = answersIn(text).map(({ headers }) => headers['request-id']);
    expect(ids).toEqual(accepted.map(({ requestId }) => requestId));
    expect(new Set(ids).size).toBe(601);
    expect(ids.every((id) => /^req_[0-9a-f]{24}$/.test(id ?? ''))).toBe(true);
  });

  it('keeps a connection open for the next request, and says for how long', async () => {
    const { port } = await listen({ http: { keepAliveSeconds: 620 } });
    const connection = await openRaw(port);
    connection.send(`GET / HTTP/1.1\r\n${H}\r\n`);
    const first = await connection.received(/"ok":true\}/);
    expect(answersIn(first)[0]?.headers).toMatchObject({
      connection: 'keep-alive',
      'keep-alive': 'timeout=620',
    });
    connection.send(`GET / HTTP/1.1\r\n${CLOSE}\r\n`);
    expect(answersIn((await connection.closed).text)).toHaveLength(2);
  });

  it('hangs up on a connection that has been idle for longer', async () => {
    const { port } = await listen({ http: { keepAliveSeconds: 0.05 } });
    const { text, isReset } = await exchangeRaw(port, `GET / HTTP/1.1\r\n${H}\r\n`);
    expect(answersIn(text)).toHaveLength(1);
    expect(isReset).toBe(false);
  });

  it('answers 408 to a head that takes too long', async () => {
    const { port, log } = await listen({ http: { headersTimeoutMs: 50 } });
    const { text } = await exchangeRaw(port, `GET / HTTP/1.1\r\nHos`);
    const [answer] = answersIn(text);
    expect(answer?.status).toBe(408);
    expect(JSON.parse(answer?.body ?? '').error.message).toBe('the request did not arrive in time');
    expect(log.lines).toEqual([expect.stringMatching(/request_timeout \(ERR_HTTP_REQUEST_TIMEOUT\)$/)]);
  });

  it('answers 408 to a request that takes too long as a whole', async () => {
    const { port } = await listen({ http: { headersTimeoutMs: 50, requestTimeoutMs: 60 } });
    const connection = await openRaw(port);
    connection.send(`POST /body HTTP/1.1\r\n${H}Content-Length: 500\r\n\r\n`);
    const dripping = setInterval(() => connection.send('x'), 10);
    const { text } = await connection.closed;
    clearInterval(dripping);
    expect(answersIn(text).map(({ status }) => status)).toEqual([408]);
  });

  it('refuses a URL above limits.max_url_length with 414, in the endpoint’s envelope', async () => {
    const { port } = await listen({ http: { maxUrlLength: 40 } });
    const ask = async (url: string) =>
      answersIn((await exchangeRaw(port, `GET ${url} HTTP/1.1\r\n${CLOSE}\r\n`)).text)[0];
    expect((await ask(`/?${'q'.repeat(38)}`))?.status).toBe(200);
    const refused = await ask(`/?${'q'.repeat(39)}`);
    expect(refused?.status).toBe(414);
    expect(JSON.parse(refused?.body ?? '')).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'the URL is too long' },
      request_id: refused?.headers['request-id'],
    });
    const oauth = await ask(`/oauth/token?${'q'.repeat(40)}`);
    expect(oauth?.status).toBe(414);
    expect(JSON.parse(oauth?.body ?? '')).toEqual({
      error: 'invalid_request',
      error_description: 'the URL is too long',
    });
    expect((await ask(`/nowhere?${'q'.repeat(40)}`))?.status).toBe(414);
  });

  it('answers an address that is not admitted with 403 and runs no handler', async () => {
    const { port } = await listen({ parts: { admit: () => ({ kind: 'denied' }) } });
    const [answer, oauth, unknown] = await Promise.all(
      ['/', '/oauth/token', '/nowhere'].map(async (path) =>
        answersIn((await exchangeRaw(port, `GET ${path} HTTP/1.1\r\n${CLOSE}\r\n`)).text).at(0),
      ),
    );
    expect(answer?.status).toBe(403);
    expect(JSON.parse(answer?.body ?? '').error).toEqual({
      type: 'permission_error',
      message: 'access from this address is not allowed',
    });
    expect(oauth?.status).toBe(403);
    expect(JSON.parse(oauth?.body ?? '').error).toBe('invalid_request');
    expect(unknown?.status).toBe(403);
    expect(accepted).toEqual([]);
  });

  it('says 100 Continue when the body is wanted', async () => {
    const { port } = await listen();
    const connection = await openRaw(port);
    connection.send(`POST /body HTTP/1.1\r\n${CLOSE}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
    await connection.received(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    connection.send('abcde');
    const { text } = await connection.closed;
    expect(answersIn(text).map(({ status, body }) => [status, body])).toEqual([
      [100, ''],
      [200, '{"size":5}'],
    ]);
  });

  it('answers instead of 100 Continue when the body is not wanted', async () => {
    const { port } = await listen();
    const { text } = await exchangeRaw(
      port,
      `POST /body HTTP/1.1\r\n${H}Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n`,
    );
    const answers = answersIn(text);
    expect(answers.map(({ status }) => status)).toEqual([413]);
    expect(answers[0]?.headers['connection']).toBe('close');
  });

  it('ignores an expectation it does not know', async () => {
    const { port } = await listen();
    const { text } = await exchangeRaw(
      port,
      `POST /body HTTP/1.1\r\n${CLOSE}Expect: a-miracle\r\nContent-Length: 2\r\n\r\nab`,
    );
    expect(answersIn(text).map(({ status, body }) => [status, body])).toEqual([[200, '{"size":2}']]);
  });

  it('says which address cannot be bound, and why', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expect(startListener(routes, { http: { port } })).rejects.toMatchObject({
      code: 'address_in_use',
      detail: expect.stringMatching(new RegExp(`^listen\\.port: 127\\.0\\.0\\.1:${port} is in use`)),
    });
    taken.close();
    await expect(startListener(routes, { http: { host: '198.51.100.7' } })).rejects.toMatchObject({
      code: 'address_in_use',
      detail: expect.stringMatching(/^listen\.host: cannot bind 198\.51\.100\.7:0 \(EADDRNOTAVAIL\); /),
    });
  });
});

describe('with listen.tls', () => {
  const tlsOf = ({ cert, key }: Leaf) => ({ cert, key });
  const first = createSelfSigned(['DNS:gateway.test']);

  const certificateOf = async (port: number, options: ConnectionOptions = {}): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256.replaceAll(':', '').toLowerCase();
  };

  it('every answer carries Strict-Transport-Security; without it none does', async () => {
    const { url } = await listen({ http: { tls: tlsOf(first) } });
    const asked = httpsRequest(url, { rejectUnauthorized: false, agent: false }).end();
    const [response] = await once(asked, 'response');
    response.resume();
    expect(response.headers['strict-transport-security']).toBe('max-age=31536000');
    const plain = await listen();
    expect((await fetch(plain.url)).headers.get('strict-transport-security')).toBeNull();
  });

  it('nothing older than TLS 1.2 is spoken', async () => {
    const { port } = await listen({ http: { tls: tlsOf(first) } });
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    await expect(certificateOf(port, old)).rejects.toThrow(/protocol version|alert/);
    expect(await certificateOf(port, { maxVersion: 'TLSv1.2' })).toBe(first.fingerprint);
  });

  it('new connections get a new certificate; a broken one changes nothing', async () => {
    const { port, server } = await listen({ http: { tls: tlsOf(first) } });
    expect(await certificateOf(port)).toBe(first.fingerprint);
    const second = createSelfSigned(['DNS:gateway.test']);
    server.replaceCertificate(tlsOf(second));
    expect(await certificateOf(port)).toBe(second.fingerprint);
    expect(() => server.replaceCertificate({ cert: second.cert, key: first.key })).toThrow();
    expect(() => server.replaceCertificate({ cert: 'not a certificate', key: first.key })).toThrow();
    expect(await certificateOf(port)).toBe(second.fingerprint);
  });

  it('a handshake that never comes is given up', async () => {
    const { port, log } = await listen({ http: { tls: tlsOf(first), headersTimeoutMs: 50 } });
    const connection = await openRaw(port);
    expect((await connection.closed).text).toBe('');
    expect(log.lines).toEqual(['debug a connection broke: ERR_TLS_HANDSHAKE_TIMEOUT']);
  });
});
