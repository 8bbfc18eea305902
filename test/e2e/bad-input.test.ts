import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/gateway/http/router.ts';
import { createRoutes, type RouteParts } from '../../src/gateway/routes.ts';
import { expectRefusal, MARK, rawRequest, startTarget, type Target } from '../support/hostile-client.ts';

/** The real table of endpoints, whatever its handlers are: one that is added is tried with the others. */
const nothing: unknown = new Proxy(() => undefined, { get: () => nothing });
const endpoints = createRoutes(nothing as RouteParts).map(({ method, path, envelope, changesState }) => ({
  method: method as string,
  path: path.replaceAll(/:\w+/g, 'something'),
  envelope,
  answersHead: method === 'HEAD' || (method === 'GET' && !changesState),
  name: `${method} ${path}`,
}));
const paths = [...new Map(endpoints.map((endpoint) => [endpoint.path, endpoint])).values()];

let target: Target;

beforeAll(async () => {
  target = await startTarget();
});

afterEach(() => target.expectAlive());

afterAll(() => target?.close());

const H = 'Host: gateway.test\r\n';

describe.each(endpoints)('$name', ({ method, path, envelope }) => {
  it.each<[string, string | Buffer, number]>([
    ['a control character in a header', `${method} ${path} HTTP/1.1\r\n${H}X-A: ${MARK}\x01\r\n\r\n`, 400],
    ['a NUL in a header', `${method} ${path} HTTP/1.1\r\n${H}X-A: ${MARK}\0\r\n\r\n`, 400],
    ['a NUL in the URL', `${method} ${path}?${MARK}\0 HTTP/1.1\r\n${H}\r\n`, 400],
    ['a raw line feed in a header', `${method} ${path} HTTP/1.1\r\n${H}X-A: ${MARK}\nX: b\r\n\r\n`, 400],
    ['a method that is none', `BREW ${path} HTTP/1.1\r\n${H}X-A: ${MARK}\r\n\r\n`, 400],
    ['a URL of 10 MB', `${method} ${path}?${MARK.repeat(400_000)} HTTP/1.1\r\n${H}\r\n`, 431],
    ['a header of 10 MB', `${method} ${path} HTTP/1.1\r\n${H}X-A: ${MARK.repeat(400_000)}\r\n\r\n`, 431],
    [
      'two lengths',
      `${method} ${path} HTTP/1.1\r\n${H}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
      400,
    ],
    [
      'a length and chunks',
      `${method} ${path} HTTP/1.1\r\n${H}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
  ])('%s never becomes a request', async (_what, bytes, status) => {
    expectRefusal(await target.send(bytes), 'messages', status);
  });

  it('a head that is cut off is answered as well', async () => {
    expectRefusal(await target.send(`${method} ${path} HTTP/1.1\r\nHo`, { end: true }), 'messages', 400);
  });

  it.each([
    ['no version', `${method} ${path}\r\n\r\n`],
    ['HTTP/0.9', `${method} ${path} HTTP/0.9\r\n${H}\r\n`],
    ['HTTP/2 in plain text', `${method} ${path} HTTP/2.0\r\n${H}\r\n`],
  ])('%s is not spoken', async (_what, bytes) => {
    const answer = await target.send(bytes);
    if (method === 'HEAD') expect(answer).toMatchObject({ status: 400, body: '' });
    else expectRefusal(answer, envelope, 400);
  });

  it('an absolute URL of another host is refused', async () => {
    const answer = await target.send(rawRequest({ method, path: `http://${MARK}.test${path}` }));
    if (method === 'HEAD') expect(answer).toMatchObject({ status: 400, body: '' });
    else expectRefusal(answer, envelope, 400);
  });

  it('a URL above limits.max_url_length is refused in its envelope', async () => {
    const answer = await target.send(rawRequest({ method, path: `${path}?${MARK.repeat(400)}` }));
    if (method === 'HEAD') expect(answer).toMatchObject({ status: 414, body: '' });
    else expectRefusal(answer, envelope, 414);
  });

  it('an offer to speak websocket is not taken', async () => {
    const plain = await target.send(rawRequest({ method, path }));
    const offers = [
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ];
    const bytes = rawRequest({ method, path, headers: offers }).toString('latin1');
    const answer = await target.send(bytes.replace('Connection: close', 'Connection: Upgrade, close'));
    expect(answer.status).toBe(plain.status);
    expect(answer.headers).not.toHaveProperty('upgrade');
  });

  it.each([
    ['an escape that is none', '%zz', '%zz'],
    ['half an escape', '%', '%'],
    ['a NUL', '%00', '%00'],
    ['bytes that are no UTF-8', '%ff%fe', '%ff%fe'],
    ['a line feed', '%0d%0aX-A: b'.replace(' ', '%20'), '%0a'],
    ['an inherited name', '__proto__', 'constructor=1&__proto__=1'],
  ])('%s in the URL is no accident', async (_what, inPath, inQuery) => {
    const asked = await target.send(
      rawRequest({
        method,
        path: `${path}?user_code=${inQuery}&state=${inQuery}&limit=${inQuery}&${inQuery}`,
      }),
    );
    expect(asked.status).toBeLessThan(500);
    const other = await target.send(rawRequest({ method, path: `${path.replace(/\/$/, '')}/${inPath}` }));
    expect(other.status).toBeLessThan(500);
    if (path !== '/v1/models') expect(other.status).toBe(404);
  });
});

describe.each(paths)('$path', ({ path, envelope }) => {
  const own = endpoints.filter((endpoint) => endpoint.path === path);
  const allowed = own.map(({ method }) => method);
  const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'].filter(
    (method) => !allowed.includes(method),
  );

  it.each(others)('does not answer %s, and says what it answers', async (method) => {
    const answer = await target.send(rawRequest({ method, path, headers: [`X-A: ${MARK}`] }));
    expectRefusal(answer, envelope, 405);
    const said = (answer.headers['allow'] ?? '').split(', ');
    expect(said).toEqual(expect.arrayContaining(allowed));
    expect(said).not.toContain(method);
  });

  it('answers HEAD where it answers GET and changes nothing by that', async () => {
    const answer = await target.send(rawRequest({ method: 'HEAD', path }));
    expect(answer.body).toBe('');
    if (own.some(({ answersHead }) => answersHead)) expect(answer.status).not.toBe(405);
    else expect(answer.status).toBe(405);
  });
});

describe('what is no endpoint', () => {
  it.each<[string, Envelope]>([
    [`/${MARK}`, 'messages'],
    ['/v1', 'messages'],
    ['/v1/messages/', 'messages'],
    ['/V1/MESSAGES', 'messages'],
    ['//v1/messages', 'messages'],
    ['/v1/../v1/messages', 'messages'],
    ['/v1/%6dessages', 'messages'],
    ['/v1/messages;a=b', 'messages'],
    ['/oauth', 'messages'],
    ['/.well-known/openid-configuration', 'messages'],
    ['/.env', 'messages'],
    ['/constructor', 'messages'],
    ['/__proto__', 'messages'],
  ])('%s is not found, with or without a bearer', async (path, envelope) => {
    for (const headers of [[], [target.bearer]])
      for (const method of ['GET', 'POST', 'DELETE'])
        expectRefusal(await target.send(rawRequest({ method, path, headers })), envelope, 404);
  });

  it.each<[string, string | Buffer]>([
    ['bytes without a meaning', Buffer.from(`\xff\xfe\x00${MARK}\r\n\r\n`, 'latin1')],
    ['a TLS hello', Buffer.from('16030102000100000000', 'hex')],
    ['a SOCKS hello', Buffer.from('050100\r\n\r\n', 'latin1')],
    ['an SSH banner', `SSH-2.0-${MARK}\r\n`],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a tunnel', `CONNECT ${MARK}.test:443 HTTP/1.1\r\n${H}\r\n`],
    ['line feeds', '\n\n\n\nnothing\n\n'],
  ])('%s is answered 400', async (_what, bytes) => {
    expectRefusal(await target.send(bytes), 'messages', 400);
  });
});

it('printed nothing of all that', () => {
  target.expectQuietLog();
});
