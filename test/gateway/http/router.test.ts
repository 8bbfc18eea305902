import { afterEach, describe, expect, it } from 'vitest';
import type { Accepted } from '../../../src/gateway/exchange.ts';
import type { Route } from '../../../src/gateway/http/router.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { answersIn, exchangeRaw } from '../../support/raw-http.ts';

let listener: TestListener | undefined;

afterEach(() => listener?.close());

const echo =
  (name: string): Route['handle'] =>
  (request, reply) =>
    reply.json(200, { name, params: request.params });

const routes: readonly Route[] = [
  route(echo('root')),
  route(echo('list'), { path: '/things' }),
  route(echo('create'), { path: '/things', method: 'POST' }),
  route(echo('all'), { path: '/things/all', method: 'POST' }),
  route(echo('one'), { path: '/things/:id' }),
  route(echo('remove'), { path: '/things/:id', method: 'DELETE' }),
  route(echo('part'), { path: '/things/:id/parts/:part' }),
  route((_request, reply) => reply.send(200, {}), { path: '/hello', method: 'HEAD' }),
  route(echo('changed'), { path: '/change', changesState: true }),
  route(echo('token'), { path: '/token', method: 'POST', envelope: 'oauth' }),
  route(echo('page'), { path: '/page', method: 'POST', envelope: 'page' }),
];

const errorPage = (_error: unknown, _request: Accepted, reply: Parameters<Route['handle']>[1]) =>
  reply.send(400, { 'content-type': 'text/html' }, '<p>a page</p>');

async function ask(method: string, path: string, more: readonly Route[] = []) {
  listener = await startListener([...routes, ...more], { errorPage });
  const bytes = `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  const { text } = await exchangeRaw(listener.port, bytes);
  const [head = '', rest = ''] = text.split(/\r\n\r\n(.*)/s);
  const [answer] = answersIn(`${head}\r\n\r\n`);
  await listener.close();
  const body = Buffer.from(rest, 'latin1').toString();
  return { status: answer?.status, headers: answer?.headers ?? {}, body, log: listener.log.lines };
}

describe('a route', () => {
  it.each([
    ['GET', '/', 'root', {}],
    ['GET', '/?x=/things', 'root', {}],
    ['GET', '/things', 'list', {}],
    ['POST', '/things', 'create', {}],
    ['GET', '/things/7', 'one', { id: '7' }],
    ['DELETE', '/things/7', 'remove', { id: '7' }],
    ['GET', '/things/a%20b%2Fc%40d', 'one', { id: 'a b/c@d' }],
    ['GET', '/things/%E2%82%AC', 'one', { id: '€' }],
    ['GET', '/things/..', 'one', { id: '..' }],
    ['GET', '/things/1/parts/2', 'part', { id: '1', part: '2' }],
    ['GET', '/things/parts/parts/parts', 'part', { id: 'parts', part: 'parts' }],
  ])('is found for %s %s', async (method, path, name, params) => {
    const { status, body } = await ask(method, path);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ name, params });
  });

  it.each([
    '/nothing',
    '/things/',
    '/things//parts/2',
    '/Things',
    '/things/1/parts',
    '/things/1/parts/2/',
    '//',
    '/%74hings',
    '/things/%',
    '/things/%ff',
    '/things/%E2%82',
  ])('is not found for %s: 404, without a bearer', async (path) => {
    const { status, headers, body, log } = await ask('GET', path);
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual({
      type: 'error',
      error: { type: 'not_found_error', message: 'no such endpoint' },
      request_id: headers['request-id'],
    });
    expect(log).toEqual([]);
  });

  it.each([
    ['PUT', '/things', 'GET, POST, HEAD'],
    ['OPTIONS', '/things', 'GET, POST, HEAD'],
    ['GET', '/things/all', 'POST'],
    ['HEAD', '/things/all', 'POST'],
    ['POST', '/things/7', 'GET, DELETE, HEAD'],
    ['GET', '/hello', 'HEAD'],
    ['HEAD', '/change', 'GET'],
    ['POST', '/change', 'GET'],
    ['GET', '/token', 'POST'],
  ])('answers %s %s with 405 and Allow: %s', async (method, path, allow) => {
    const { status, headers } = await ask(method, path);
    expect(status).toBe(405);
    expect(headers['allow']).toBe(allow);
  });

  it('answers HEAD where it answers GET, with the same head and no body', async () => {
    const [get, head] = [await ask('GET', '/things'), await ask('HEAD', '/things')];
    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(head.headers['content-length']).toBe(String(get.body.length));
    expect(head.body).toBe('');
    expect(await ask('HEAD', '/hello')).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
  });
});

describe('an error', () => {
  const failing = (error: unknown, options: Partial<Route> = {}): Route[] => [
    route(
      () => {
        throw error;
      },
      { path: '/now', ...options },
    ),
    route(async () => Promise.reject(error), { path: '/later', ...options }),
  ];

  it.each(['/now', '/later'])('thrown by %s is answered in the Messages envelope', async (path) => {
    const error = new CodedError('model_not_allowed', { facts: { model: 'm', allowed: 'a, b' } });
    const { status, headers, body, log } = await ask('GET', path, failing(error));
    expect(status).toBe(400);
    expect(JSON.parse(body)).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'model m is not allowed for you; allowed: a, b' },
      request_id: headers['request-id'],
    });
    expect(log).toEqual([]);
  });

  it.each(['/now', '/later'])('thrown by %s is answered in the OAuth envelope', async (path) => {
    const error = new CodedError('slow_down', { facts: { retryAfterSeconds: 9 } });
    const { status, headers, body } = await ask('GET', path, failing(error, { envelope: 'oauth' }));
    expect([status, headers['retry-after'], JSON.parse(body).error]).toEqual([400, '9', 'slow_down']);
  });

  it.each(['/now', '/later'])('thrown by %s is drawn as a page', async (path) => {
    const { status, headers, body } = await ask('GET', path, failing(new Error('x'), { envelope: 'page' }));
    expect([status, headers['content-type'], body]).toEqual([400, 'text/html', '<p>a page</p>']);
  });

  it.each([
    ['/token', { error: 'invalid_request', error_description: 'method not allowed here; allowed: POST' }],
    ['/page', '<p>a page</p>'],
  ])('about the method of %s has that endpoint’s envelope', async (path, expected) => {
    const { body } = await ask('GET', path);
    expect(typeof expected === 'string' ? body : JSON.parse(body)).toEqual(expected);
  });

  it.each(['/now', '/later'])(
    'that nobody expected says nothing to the caller and all to the log: %s',
    async (path) => {
      const error = new Error('the pool is gone\nsecond line');
      const { status, headers, body, log } = await ask('GET', path, failing(error));
      expect(status).toBe(500);
      expect(JSON.parse(body).error).toEqual({
        type: 'api_error',
        message: 'something went wrong inside the gateway',
      });
      expect(log).toHaveLength(1);
      expect(log[0]).toContain(
        `error GET ${path} failed request_id=${headers['request-id']}: Error: the pool is gone`,
      );
    },
  );

  it('after the head has gone out breaks the answer', async () => {
    const { status, body, log } = await ask('GET', '/late', [
      route(
        async (_request, reply) => {
          reply.start(200, { 'content-type': 'text/plain' });
          reply.write(Buffer.from('half'));
          throw new Error('gone');
        },
        { path: '/late' },
      ),
    ]);
    expect([status, body]).toEqual([200, '4\r\nhalf\r\n']);
    expect(log).toHaveLength(1);
  });

  it('after the answer is complete changes nothing', async () => {
    const { status, body, log } = await ask('GET', '/after', [
      route(
        async (_request, reply) => {
          reply.json(200, 'done');
          throw new Error('gone');
        },
        { path: '/after' },
      ),
    ]);
    expect([status, body]).toEqual([200, '"done"']);
    expect(log).toHaveLength(1);
  });
});
