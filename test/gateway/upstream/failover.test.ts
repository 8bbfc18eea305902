import { beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '../../../src/kernel/coded-error.ts';
import {
  errorOf,
  post,
  request,
  type TestGateway,
  type TestGatewayOptions,
} from '../../support/inference-gateway.ts';
import { type OfEither, openBefore, startTwoUpstreams } from '../../support/two-upstreams.ts';
import {
  type Answerer,
  answerEvents,
  json,
  refusal,
  reset,
  type StandInUpstream,
  startStream,
  startUpstream,
  stream,
} from '../../support/upstream.ts';
import { USAGE_LIMITS } from './usage-limits.ts';

let first: StandInUpstream;
let second: StandInUpstream;
let gateway: TestGateway;

async function openGateway(changes?: OfEither, options?: TestGatewayOptions): Promise<void> {
  gateway = await openBefore({ first, second }, changes, options);
}

beforeEach(async () => {
  ({ first, second } = await startTwoUpstreams());
});

describe('an answer of the first upstream with status', () => {
  const goesOn = [401, 402, 403, 404, 408, 429, 500, 501, 502, 503, 504, 529];
  it.each(goesOn)('%i leads to the second', async (status) => {
    await openGateway();
    first.answer = refusal(status, 'some_error', 'no', { location: second.url });
    const answer = await post(gateway, request);
    expect(answer.status).toBe(200);
    expect(second.requests).toHaveLength(1);
    expect(second.requests[0]?.body).toEqual(first.requests[0]?.body);
    expect(await gateway.event()).toMatchObject({ attempts: 2, upstream: 'second', outcome: 'complete' });
  });

  it.each([400, 405, 409, 410, 413, 415, 422])(
    '%i is about the request and goes back unchanged',
    async (status) => {
      await openGateway();
      const text = `{ "type":"error", "error":{"type":"invalid_request_error","message":"prompt is too long: ${status}"}}`;
      first.answer = (_request, response) => {
        response.writeHead(status, {
          'content-type': 'application/json',
          'request-id': 'req_up',
          'x-should-retry': 'false',
        });
        response.end(text);
      };
      const answer = await post(gateway, { ...request, stream: true });
      expect(answer.status).toBe(status);
      expect(answer.body.toString()).toBe(text);
      expect(answer.headers['x-should-retry']).toBe('false');
      expect(answer.headers['x-upstream-request-id']).toBe('req_up');
      expect(second.requests).toHaveLength(0);
      expect(await gateway.event()).toMatchObject({
        attempts: 1,
        upstream: 'first',
        outcome: 'refused',
        status,
      });
    },
  );

  it.each(USAGE_LIMITS)('400 for the account\'s own usage limit leads to the second: "%s"', async (text) => {
    await openGateway();
    first.answer = refusal(400, 'invalid_request_error', text);
    expect((await post(gateway, request)).status).toBe(200);
    expect(gateway.log.join('\n')).toMatch(/^error upstream first answered 400/m);
  });

  it('400 that speaks of a usage limit elsewhere than in its message is about the request', async () => {
    await openGateway();
    first.answer = (_request, response) => {
      const error = { type: 'invalid_request_error', message: 'no', param: USAGE_LIMITS[0] };
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ type: 'error', error }));
    };
    expect((await post(gateway, request)).status).toBe(400);
    expect(second.requests).toHaveLength(0);
  });

  it('413 that is not even JSON goes back unchanged', async () => {
    await openGateway();
    first.answer = (_request, response) => {
      response.writeHead(413, { 'content-type': 'text/html' });
      response.end('<html>too large</html>');
    };
    const answer = await post(gateway, request);
    expect(answer.status).toBe(413);
    expect(answer.headers['content-type']).toBe('text/html');
    expect(answer.body.toString()).toBe('<html>too large</html>');
  });

  it('429 is final when the developer was named to the upstream', async () => {
    await openGateway({ first: { options: { forwardUserIdentity: true } } });
    first.answer = refusal(429, 'rate_limit_error', 'yours', { 'retry-after': '7' });
    const answer = await post(gateway, request);
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('7');
    expect(second.requests).toHaveLength(0);
  });
});

describe('an upstream that', () => {
  const stalls: Answerer = () => undefined;
  const breaks: readonly (readonly [string, Answerer])[] = [
    ['resets before its head', reset],
    ['closes before its head', (_request, response) => void response.socket?.end()],
    ['answers no HTTP', (_request, response) => void response.socket?.end('hello\r\n\r\n')],
    [
      'resets after its head',
      (_request, response) => {
        startStream(response);
        response.flushHeaders();
        setImmediate(() => response.socket?.resetAndDestroy());
      },
    ],
    ['ends a stream without a byte', stream()],
    ['stalls before its head', stalls],
    [
      'breaks a JSON answer off in the middle',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
        response.write('{"id":"msg_1"', () => response.socket?.destroy());
      },
    ],
    [
      'compresses although identity was asked for',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' });
        response.end('whatever');
      },
    ],
  ];

  it.each(breaks)('%s is passed over', async (_name, answer) => {
    await openGateway({}, { ttfbMs: 100 });
    first.answer = answer;
    const bytes = answerEvents(['from the second']).join('');
    second.answer = stream(bytes);
    const got = await post(gateway, { ...request, stream: true });
    expect(got.status).toBe(200);
    expect(got.body.toString()).toBe(bytes);
    expect(got.isComplete).toBe(true);
    expect(await gateway.event()).toMatchObject({ attempts: 2, upstream: 'second', outcome: 'complete' });
    expect(gateway.log.some((line) => line.startsWith('warn upstream first '))).toBe(true);
  });

  it('refuses connections is passed over', async () => {
    const closed = await startUpstream();
    await closed.close();
    await openGateway({ first: { url: closed.url } });
    expect((await post(gateway, request)).status).toBe(200);
    expect(gateway.log.join('\n')).toMatch(/warn upstream first failed: .*ECONNREFUSED/);
  });

  it('does not know the model is not asked', async () => {
    await openGateway({ first: { modelIds: {} }, second: { modelIds: { 'claude-test': 'other-name' } } });
    expect((await post(gateway, { ...request, model: 'claude-test[1m]' })).status).toBe(200);
    expect(first.requests).toHaveLength(0);
    expect(JSON.parse((await second.request()).body.toString())).toEqual({ ...request, model: 'other-name' });
    expect(await gateway.event()).toMatchObject({
      attempts: 1,
      model: 'claude-test',
      upstream_model: 'other-name',
    });
  });

  it('takes no bodies of this size is not asked', async () => {
    await openGateway({ first: { descriptor: { maxBodyBytes: 20 } } });
    expect((await post(gateway, request)).status).toBe(200);
    expect(first.requests).toHaveLength(0);
  });

  it('counts no tokens is not asked to', async () => {
    await openGateway({ first: { descriptor: { countsTokens: false } } });
    expect((await post(gateway, request, { path: '/v1/messages/count_tokens' })).status).toBe(200);
    expect(first.requests).toHaveLength(0);
  });

  it('stalls in the middle of an error answer is passed over', async () => {
    await openGateway({}, { idleMs: 200 });
    first.answer = (_request, response) => {
      response.writeHead(500, { 'content-type': 'application/json' });
      response.write('{"type":');
    };
    expect((await post(gateway, request)).status).toBe(200);
  });

  it('has no credential to show is passed over, loudly', async () => {
    const prepare = () => Promise.reject(new CodedError('upstream_credentials', { detail: 'no role' }));
    await openGateway({ first: { descriptor: { prepare } } });
    expect((await post(gateway, request)).status).toBe(200);
    expect(gateway.log.join('\n')).toMatch(/^error upstream first failed: no role/m);
    expect(await gateway.event()).toMatchObject({ attempts: 1 });
  });
});

describe('when both fail the developer gets', () => {
  it("the upstream's own 429, with its wait", async () => {
    await openGateway();
    first.answer = refusal(429, 'rate_limit_error', 'slow down', { 'retry-after': '12' });
    second.answer = refusal(503, 'api_error');
    const answer = await post(gateway, request);
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('12');
    expect(errorOf(answer)).toEqual({ type: 'rate_limit_error', message: 'slow down' });
    expect(await gateway.event()).toMatchObject({
      status: 429,
      attempts: 2,
      upstream: 'first',
      outcome: 'refused',
    });
  });

  it("the upstream's own 529 rather than a refused credential", async () => {
    await openGateway();
    first.answer = refusal(529, 'overloaded_error', 'busy', { 'retry-after': '3' });
    second.answer = refusal(401, 'authentication_error');
    const answer = await post(gateway, request);
    expect(answer.status).toBe(529);
    expect(answer.headers['retry-after']).toBe('3');
    expect(errorOf(answer).type).toBe('overloaded_error');
  });

  it.each([401, 403])('502 and no sign-out after a %i, while the log names the upstream', async (status) => {
    await openGateway();
    first.answer = refusal(500, 'api_error');
    second.answer = refusal(status, 'authentication_error', 'invalid x-api-key');
    const answer = await post(gateway, request);
    expect(answer.status).toBe(502);
    expect(errorOf(answer).type).toBe('api_error');
    expect(errorOf(answer).message).toMatch(/access to the model failed.*operator/);
    expect(answer.body.toString()).not.toContain('x-api-key');
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect(gateway.log.join('\n')).toMatch(
      new RegExp(`^error upstream second answered ${status}.*upstreams\\[\\]\\.auth`, 'm'),
    );
  });

  it('502 naming how many upstreams are configured', async () => {
    await openGateway({ first: { modelIds: {} } });
    second.answer = reset;
    const answer = await post(gateway, request);
    expect(answer.status).toBe(502);
    expect(errorOf(answer)).toEqual({ type: 'api_error', message: 'all upstreams failed (2 attempted)' });
    expect(await gateway.event()).toMatchObject({
      status: 502,
      attempts: 1,
      outcome: 'upstream_broke',
      upstream: 'second',
      upstream_model: 'claude-test',
    });
  });

  it('501 when neither counts tokens', async () => {
    const descriptor = { countsTokens: false };
    await openGateway({ first: { descriptor }, second: { descriptor } });
    const answer = await post(gateway, request, { path: '/v1/messages/count_tokens' });
    expect(answer.status).toBe(501);
    expect(errorOf(answer).type).toBe('not_supported');
    expect(await gateway.event()).toMatchObject({ attempts: 0, upstream: undefined });
    expect(answer.headers['x-should-retry']).toBe('false');
  });
});

describe('a redirect', () => {
  const statuses = [300, 301, 302, 303, 304, 307, 308];

  it.each(statuses)('with %i leads to the next upstream', async (status) => {
    await openGateway();
    first.answer = redirectTo(`${second.url}/elsewhere`, status);
    const answer = await post(gateway, request);
    expect(answer.status).toBe(200);
    expect(answer.headers.location).toBeUndefined();
    expect(second.requests.map(({ url }) => url)).toEqual(['/v1/messages']);
    expect(await gateway.event()).toMatchObject({ attempts: 2, upstream: 'second', outcome: 'complete' });
  });

  it.each(statuses)('with %i is never followed, and its target never told', async (status) => {
    await openGateway({ second: { modelIds: {} } });
    const target = `${second.url}/elsewhere`;
    first.answer = redirectTo(target, status);
    for (const stream of [false, true]) {
      const answer = await post(gateway, { ...request, stream });
      expect(answer.status).toBe(502);
      expect(JSON.stringify([answer.headers, answer.body.toString()])).not.toContain(target);
      expect(errorOf(answer)).toEqual({ type: 'api_error', message: 'all upstreams failed (2 attempted)' });
    }
    expect(first.requests).toHaveLength(2);
    expect(second.requests).toHaveLength(0);
    expect(gateway.log.join('\n')).not.toContain(target);
  });

  it('that claims to be a success is one, without its target', async () => {
    await openGateway();
    first.answer = json(200, { id: 'msg_1' }, { location: `${second.url}/elsewhere` });
    const answer = await post(gateway, request);
    expect(answer.status).toBe(200);
    expect(answer.headers.location).toBeUndefined();
    expect(second.requests).toHaveLength(0);
  });

  function redirectTo(location: string, status: number): Answerer {
    return (_request, response) => {
      response.writeHead(status, { location });
      response.end();
    };
  }
});
