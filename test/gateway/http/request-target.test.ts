import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSameHost, readRequestTarget } from '../../../src/gateway/http/request-target.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { answersIn, exchangeRaw } from '../../support/raw-http.ts';

describe('a request target', () => {
  it.each([
    ['/', '/', ''],
    ['/v1/messages?beta=true', '/v1/messages', '?beta=true'],
    ['/a?b?c', '/a', '?b?c'],
    ['/http://h/a', '/http://h/a', ''],
    ['*', '*', ''],
    ['ftp://h/a', 'ftp://h/a', ''],
    ['http://h/v1/messages?beta=true', '/v1/messages', '?beta=true'],
    ['HTTPS://h:8443/a', '/a', ''],
    ['http://h', '/', ''],
    ['http://h?a', '/', '?a'],
  ])('%s has the path %s and the query "%s"', (url, path, query) => {
    expect(readRequestTarget(url)).toMatchObject({ path, query });
  });

  it.each([
    ['http://gateway.test/', 'gateway.test', true],
    ['http://Gateway.TEST/', 'gateway.test', true],
    ['http://gateway.test:80/', 'gateway.test', true],
    ['https://gateway.test/', 'gateway.test:443', true],
    ['http://[2001:db8::1]:8080/', '[2001:db8::1]:8080', true],
    ['http://gateway.test/', undefined, true],
    ['http://gateway.test/', 'gateway.test:443', false],
    ['http://gateway.test:8080/', 'gateway.test', false],
    ['http://gateway.test/', 'other.test', false],
    ['http://gateway.test/', '', false],
    ['http://user@gateway.test/', 'user@gateway.test', false],
    ['http:///', '', false],
  ])('%s and the Host %s: the same is %s', (url, named, isSame) => {
    const { authority } = readRequestTarget(url);
    expect(authority && isSameHost(authority, named)).toBe(isSame);
  });
});

describe('an absolute URL', () => {
  const asked: string[] = [];
  const admitted: string[] = [];
  let listener: TestListener;

  beforeEach(async () => {
    listener = await startListener(
      [
        route(
          ({ path, query }, reply) => {
            asked.push(path + query);
            reply.json(200, {});
          },
          { path: '/v1/models' },
        ),
      ],
      {
        parts: {
          admit: (_client, path) => {
            admitted.push(path);
            return { kind: 'admitted', ip: '192.0.2.1' };
          },
        },
      },
    );
  });

  afterEach(() => listener.close());

  it('is served like its path, whose host it names (RFC 9112 section 3.2.2)', async () => {
    const bytes =
      'GET http://gateway.test/v1/models?limit=1 HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n';
    const answers = answersIn((await exchangeRaw(listener.port, bytes)).text);
    expect(answers.map(({ status }) => status)).toEqual([200]);
    expect(asked).toEqual(['/v1/models?limit=1']);
    expect(admitted).toEqual(['/v1/models']);
    expect(listener.log.lines).toEqual([]);
  });
});
