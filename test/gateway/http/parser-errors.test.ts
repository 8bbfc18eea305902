import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBodyReader } from '../../../src/gateway/http/body.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { answersIn, type Closed, exchangeRaw, openRaw } from '../../support/raw-http.ts';
import { createSelfSigned } from '../../support/tls.ts';

const readBody = createBodyReader({ maxBytes: 1_000_000 });

const routes = [
  route((request, reply) =>
    reply.json(200, {
      path: request.path.length,
      authorization: request.headers.authorization?.length ?? 0,
    }),
  ),
  route(async (request, reply) => reply.json(200, { size: (await readBody(request)).length }), {
    method: 'POST',
    path: '/body',
  }),
  route((request, reply) => reply.json(200, { path: request.path.length }), { path: '/:name' }),
  route(
    (_request, reply) => {
      reply.start(200, { 'content-type': 'text/plain' });
      reply.write(Buffer.from('begun'));
    },
    { path: '/stream' },
  ),
];

let listener: TestListener;

beforeEach(async () => {
  listener = await startListener(routes);
});

afterEach(() => listener.close());

/** The one answer, which must be the envelope, with the request id in header and body. */
function refusalIn({ text }: Closed): { status: number; message: string; requestId: string } {
  const answers = answersIn(text);
  expect(answers).toHaveLength(1);
  const [{ status, headers, body }] = answers as [(typeof answers)[number]];
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'request-id': expect.stringMatching(/^req_[0-9a-f]{24}$/),
  });
  expect(headers['connection']?.toLowerCase()).toBe('close');
  const parsed = JSON.parse(body);
  expect(parsed).toEqual({
    type: 'error',
    error: { type: 'invalid_request_error', message: expect.any(String) },
    request_id: headers['request-id'],
  });
  return { status, message: parsed.error.message, requestId: headers['request-id'] ?? '' };
}

const H = 'Host: gateway.test\r\n';
const POST = `POST /body HTTP/1.1\r\n${H}`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

/** For those who look closely only: clients leave all the time. */
const HUNG_UP = expect.stringMatching(/^debug a client hung up in the middle of its request request_id=req_/);

describe('what the parser cannot read', () => {
  it.each([
    ['a line that is no request', 'GARBAGE\r\n\r\n'],
    ['a TLS hello', Buffer.from('16030102000100', 'hex')],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['another version', `GET / HTTP/9.9\r\n${H}\r\n`],
    ['a method in lower case', `get / HTTP/1.1\r\n${H}\r\n`],
    ['a control character in the URL', `GET /a\x01b HTTP/1.1\r\n${H}\r\n`],
    ['a raw UTF-8 URL', Buffer.from(`GET /ä HTTP/1.1\r\n${H}\r\n`)],
    ['a null byte in a header', `GET / HTTP/1.1\r\n${H}A: b\0c\r\n\r\n`],
    ['a control character in a header', `GET / HTTP/1.1\r\n${H}A: b\x01c\r\n\r\n`],
    ['DEL in a header', `GET / HTTP/1.1\r\n${H}A: b\x7fc\r\n\r\n`],
    ['a control character in a header name', `GET / HTTP/1.1\r\n${H}A\x01: b\r\n\r\n`],
    ['a bare carriage return in a header', `GET / HTTP/1.1\r\n${H}A: b\rX: c\r\n\r\n`],
    ['line feeds alone', `GET / HTTP/1.1\n${H}\n`],
    ['one line feed alone', `GET / HTTP/1.1\r\nHost: a\n\r\n`],
    ['a folded header', `GET / HTTP/1.1\r\n${H}A: b\r\n c\r\n\r\n`],
    [
      'Content-Length before Transfer-Encoding',
      `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'Transfer-Encoding before Content-Length',
      `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    ],
    ['two Content-Lengths', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`],
    ['the same Content-Length twice', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`],
    ['a list of Content-Lengths', `${POST}Content-Length: 5, 5\r\n\r\nabcde`],
    ['a signed Content-Length', `${POST}Content-Length: +5\r\n\r\nabcde`],
    ['a negative Content-Length', `${POST}Content-Length: -5\r\n\r\nabcde`],
    ['an empty Content-Length', `${POST}Content-Length:\r\n\r\nabcde`],
    ['a Content-Length beyond numbers', `${POST}Content-Length: 99999999999999999999\r\n\r\nabcde`],
    [
      'Transfer-Encoding twice',
      `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a folded Transfer-Encoding', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['a vertical tab before the coding', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
    ['chunked not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['a chunk size that is none', `${CHUNKED}zz\r\nabcde\r\n0\r\n\r\n`],
    ['a chunk size with a prefix', `${CHUNKED}0x5\r\nabcde\r\n0\r\n\r\n`],
    ['a negative chunk size', `${CHUNKED}-5\r\nabcde\r\n0\r\n\r\n`],
    ['a chunk size beyond numbers', `${CHUNKED}fffffffffffffffff\r\nabcde\r\n0\r\n\r\n`],
    ['a chunk longer than it says', `${CHUNKED}4\r\nabcde\r\n0\r\n\r\n`],
    ['a chunk line that ends with a line feed alone', `${CHUNKED}5\nabcde\r\n0\r\n\r\n`],
    ['CONNECT', `CONNECT provider.test:443 HTTP/1.1\r\n${H}\r\n`],
  ])('%s is answered 400 in the envelope, with one line in the log', async (_, bytes) => {
    const { status, message, requestId } = refusalIn(await exchangeRaw(listener.port, bytes));
    expect(status).toBe(400);
    expect(message).toBe('the request could not be read as HTTP/1.1');
    expect(listener.log.lines).toEqual([expect.stringMatching(/^warn request refused by the HTTP parser /)]);
    expect(listener.log.lines[0]).toContain(`request_id=${requestId}: bad_request`);
  });

  it.each([
    ['a coding that is not understood', `${POST}Transfer-Encoding: xchunked\r\n\r\n`],
    ['a coding before chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['an identity coding before chunked', `${POST}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`],
    ['chunked in HTTP/1.0', `POST /body HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['no Host', `GET / HTTP/1.1\r\n\r\n`],
    ['two Hosts', `GET / HTTP/1.1\r\n${H}host: other.test\r\n\r\n`],
    ['HTTP/0.9', `GET / HTTP/0.9\r\n${H}\r\n`],
    ['no version', `GET /\r\n${H}\r\n`],
    ['HTTP/2 without its preface', `GET / HTTP/2.0\r\n${H}\r\n`],
    ['an absolute URL of another host', `GET http://other.test/ HTTP/1.1\r\n${H}\r\n`],
    ['an absolute URL of another scheme', `GET ftp://gateway.test/ HTTP/1.1\r\n${H}\r\n`],
  ])('%s is read, refused with 400, logged, and not believed about where it ends', async (_, bytes) => {
    const { status, requestId } = refusalIn(await exchangeRaw(listener.port, bytes));
    expect(status).toBe(400);
    expect(listener.log.lines).toEqual([
      expect.stringMatching(
        new RegExp(`^warn request refused by the listener request_id=${requestId}: bad_request \\(\\w+\\)$`),
      ),
    ]);
  });

  it.each([
    ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n'],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'],
    ['an offer to upgrade', `GET / HTTP/1.1\r\n${H}Connection: upgrade, close\r\nUpgrade: websocket\r\n\r\n`],
    [
      'a chunk extension',
      `${POST}Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\n\r\n`,
    ],
  ])('%s is no offence', async (_, bytes) => {
    const { text } = await exchangeRaw(listener.port, bytes);
    expect(answersIn(text).map(({ status }) => status)).toEqual([200]);
  });

  it('a body that is cut off is answered', async () => {
    const closed = await exchangeRaw(listener.port, `${POST}Content-Length: 10\r\n\r\nabc`, { end: true });
    expect(refusalIn(closed).status).toBe(400);
    expect(listener.log.lines).toEqual([HUNG_UP]);
  });

  it('a head that is cut off is answered', async () => {
    const closed = await exchangeRaw(listener.port, 'POST /body HTTP/1.1\r\nHo', { end: true });
    expect(refusalIn(closed).status).toBe(400);
    expect(listener.log.lines).toEqual([HUNG_UP]);
  });
});

describe('a head above 256 KiB', () => {
  const sized = (url: number, header: number) =>
    `GET /${'u'.repeat(url)} HTTP/1.1\r\n${H}Connection: close\r\nAuthorization: ${'a'.repeat(header)}\r\n\r\n`;
  const KIB = 1024;

  it.each([
    ['in one header', sized(0, 256 * KIB)],
    ['in one header that comes in many packets', sized(0, 900 * KIB)],
    ['in URL and headers together', sized(130 * KIB, 130 * KIB)],
    ['in many headers', `GET / HTTP/1.1\r\n${H}${`a: ${'b'.repeat(1000)}\r\n`.repeat(300)}\r\n`],
    ['in the URL', sized(257 * KIB, 0)],
    ['in a URL of 10 MB', sized(10_000_000, 0)],
  ])('%s is answered 431, once', async (_, bytes) => {
    const { status, message } = refusalIn(await exchangeRaw(listener.port, bytes));
    expect(status).toBe(431);
    expect(message).toBe('the request headers are too large');
    expect(listener.log.lines).toEqual([expect.stringMatching(/headers_too_large \(HPE_HEADER_OVERFLOW\)$/)]);
  });

  it('is refused for the number of its lines, too: none is dropped unread', async () => {
    const lines = `a:b\r\n`.repeat(1_500);
    const closed = await exchangeRaw(
      listener.port,
      `GET / HTTP/1.1\r\n${lines}X-Forwarded-For: 1.2.3.4\r\n${H}\r\n`,
    );
    expect(refusalIn(closed).status).toBe(431);
  });

  it('can be had at less', async () => {
    const small = await startListener(routes, { http: { maxRequestHeaderBytes: 20 * KIB } });
    const [inside] = answersIn((await exchangeRaw(small.port, sized(0, 19 * KIB))).text);
    expect(inside?.status).toBe(200);
    expect(refusalIn(await exchangeRaw(small.port, sized(0, 20 * KIB))).status).toBe(431);
    await small.close();
  });

  it('is not reached by a token of 200 KiB', async () => {
    const [answer] = answersIn((await exchangeRaw(listener.port, sized(20 * KIB, 200 * KIB))).text);
    expect(answer?.status).toBe(200);
    const [atRoot] = answersIn((await exchangeRaw(listener.port, sized(0, 200 * KIB))).text);
    expect(JSON.parse(atRoot?.body ?? '')).toEqual({ path: 1, authorization: 200 * KIB });
  });

  it('cannot be raised', async () => {
    const large = await startListener(routes, { http: { maxRequestHeaderBytes: 1_000 * KIB } });
    expect(refusalIn(await exchangeRaw(large.port, sized(0, 257 * KIB))).status).toBe(431);
    await large.close();
  });
});

describe('a refusal of the parser', () => {
  it('never lands inside another answer: the connection is cut', async () => {
    const connection = await openRaw(listener.port);
    connection.send(`GET /stream HTTP/1.1\r\n${H}\r\n`);
    await connection.received(/begun/);
    connection.send('GARBAGE\r\n\r\n');
    const { text } = await connection.closed;
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(text).not.toContain('\r\n0\r\n\r\n');
    expect(listener.log.lines).toEqual([expect.stringMatching(/bad_request \(HPE_/)]);
  });

  it('is not a second answer to a request that was answered before its body was read', async () => {
    const connection = await openRaw(listener.port);
    connection.send(`POST /no/such HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n5\r\nab`);
    await connection.received(/no such endpoint/);
    connection.send('cdeZZZZ\r\n');
    const { text } = await connection.closed;
    expect(answersIn(text).map(({ status }) => status)).toEqual([404]);
  });

  it('follows a complete answer on the same connection', async () => {
    const connection = await openRaw(listener.port);
    connection.send(`GET / HTTP/1.1\r\n${H}\r\n`);
    await connection.received(/authorization/);
    connection.send('GARBAGE\r\n\r\n');
    const { text } = await connection.closed;
    expect(answersIn(text).map(({ status }) => status)).toEqual([200, 400]);
  });

  it('says how large chunk extensions may be', async () => {
    const { text } = await exchangeRaw(
      listener.port,
      `${CHUNKED}5;a=${'b'.repeat(20_000)}\r\nabcde\r\n0\r\n\r\n`,
    );
    const [answer] = answersIn(text);
    expect(answer?.status).toBe(413);
    expect(JSON.parse(answer?.body ?? '').error).toEqual({
      type: 'request_too_large',
      message: 'the request is too large',
    });
  });

  it('reaches a client that is still sending', async () => {
    const connection = await openRaw(listener.port);
    connection.send('GARBAGE\r\n\r\n');
    await connection.received(/400 Bad Request/);
    for (let i = 0; i < 20; i += 1) connection.send(Buffer.alloc(50_000, 0x61));
    connection.socket.end();
    expect(refusalIn(await connection.closed).status).toBe(400);
    expect(listener.log.lines).toHaveLength(1);
  });

  it('survives a client that resets after CONNECT', async () => {
    const connection = await openRaw(listener.port);
    connection.send(`CONNECT provider.test:443 HTTP/1.1\r\n${H}\r\n`);
    await connection.received(/400 Bad Request/);
    connection.socket.resetAndDestroy();
    await connection.closed;
    await listener.server.close(new AbortController().signal);
    expect(listener.log.lines).toHaveLength(1);
  });

  it('is not logged for a client that just leaves', async () => {
    const connection = await openRaw(listener.port);
    connection.send(`GET / HTTP/1.1\r\nHos`);
    connection.socket.resetAndDestroy();
    await listener.log.line(/^debug a connection broke: ECONNRESET$/);
    expect(listener.log.lines).toHaveLength(1);
  });
});

describe('a TLS listener', () => {
  let secure: TestListener;

  beforeAll(async () => {
    const { cert, key } = createSelfSigned(['IP:127.0.0.1']);
    secure = await startListener(routes, { http: { tls: { cert, key } } });
  });

  afterAll(() => secure.close());

  it('hangs up on plain HTTP and on broken handshakes without a warning', async () => {
    expect(await exchangeRaw(secure.port, `GET / HTTP/1.1\r\n${H}\r\n`)).toMatchObject({ text: '' });
    const connection = await openRaw(secure.port);
    connection.send(Buffer.from('1603010005', 'hex'));
    connection.socket.resetAndDestroy();
    await once(connection.socket, 'close');
    await secure.log.line(/a connection broke: ECONNRESET/);
    expect(secure.log.lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
  });
});
