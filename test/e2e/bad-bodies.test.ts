import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/gateway/http/router.ts';
import { DEVICE_CODE_GRANT, paths, REFRESH_TOKEN_GRANT } from '../../src/kernel/protocol.ts';
import { SECRETS } from '../support/deployment.ts';
import {
  expectRefusal,
  MARK,
  type RawRequest,
  rawRequest,
  startTarget,
  type Target,
} from '../support/hostile-client.ts';

let target: Target;

beforeAll(async () => {
  target = await startTarget();
});

afterEach(() => target.expectAlive());

afterAll(() => target?.close());

const FORM = 'Content-Type: application/x-www-form-urlencoded';
const JSON_TYPE = 'Content-Type: application/json';
const OWN_PAGE = 'Sec-Fetch-Site: same-origin';

const send = (request: Partial<RawRequest> & Pick<RawRequest, 'path'>) =>
  target.send(rawRequest({ method: 'POST', ...request }));

const errorOf = (body: string): string => JSON.parse(body).error;
const messageOf = (body: string): string => JSON.parse(body).error.message;

describe.each<[string, Envelope, readonly string[]]>([
  [paths.deviceAuthorization, 'oauth', []],
  [paths.token, 'oauth', []],
  [paths.revocation, 'oauth', []],
  [paths.device, 'page', [OWN_PAGE]],
])('POST %s', (path, envelope, own) => {
  const post = (headers: readonly string[], body: string | Buffer) =>
    send({ path, headers: [...own, ...headers], body });

  it.each([
    ['JSON', JSON_TYPE, `{"grant_type":"${MARK}"}`],
    ['broken JSON', JSON_TYPE, `{"grant_type":"${MARK}`],
    ['plain text', 'Content-Type: text/plain', `grant_type=${MARK}`],
    ['no content type', 'X-A: b', `grant_type=${MARK}`],
    ['many parts', 'Content-Type: multipart/form-data; boundary=x', `--x\r\n\r\n${MARK}\r\n--x--`],
    ['bytes that are no UTF-8', FORM, Buffer.from(`user_code=${MARK}\xff\xfe`, 'latin1')],
    ['what cannot be decompressed', `${FORM}\r\nContent-Encoding: gzip`, MARK],
  ])('refuses %s', async (_what, headers, body) => {
    const said = expectRefusal(await post([headers], body), envelope, 400);
    if (envelope === 'oauth') expect(errorOf(said)).toBe('invalid_request');
  });

  it('refuses an encoding that it does not know', async () => {
    expectRefusal(await post([FORM, 'Content-Encoding: rot13'], MARK), envelope, 415);
  });

  it('refuses a huge form before it is sent, as it comes, and when it comes out of a small one', async () => {
    const huge = `user_code=${MARK.repeat(400_000)}`;
    const chunks = `${huge.length.toString(16)}\r\n${huge}\r\n0\r\n\r\n`;
    expectRefusal(await post([FORM, 'Content-Length: 10000000', 'Expect: 100-continue'], ''), envelope, 413);
    expectRefusal(await post([FORM, 'Transfer-Encoding: chunked'], chunks), envelope, 413);
    expectRefusal(await post([FORM, 'Content-Encoding: gzip'], gzipSync(huge)), envelope, 413);
  });

  it('answers a body that is cut off', async () => {
    const bytes = rawRequest({
      method: 'POST',
      path,
      headers: [...own, FORM, 'Content-Length: 999'],
      body: MARK,
    });
    expectRefusal(await target.send(bytes, { end: true }), 'messages', 400);
  });

  it.each([
    ['nothing', ''],
    ['no names', '=&=&&&'],
    ['half escapes', `%&%z=%zz&user_code=%`],
    [
      'a NUL in every value',
      'grant_type=%00&device_code=%00&refresh_token=%00&token=%00&user_code=%00&surface=%00',
    ],
    ['escaped bytes that are no UTF-8', 'grant_type=%ff&token=%ff%fe&user_code=%ff&surface=%ff'],
    [
      'inherited names',
      '__proto__=1&grant_type=__proto__&token=constructor&user_code=toString&action=valueOf',
    ],
    ['a hundred thousand parameters', `${'a=b&'.repeat(100_000)}`],
  ])('takes %s for a form, and no harm comes of it', async (_what, body) => {
    const { status } = await post([FORM], body);
    expect(status).toBeGreaterThanOrEqual(200);
    expect(status).toBeLessThan(500);
  });
});

describe('the token endpoint', () => {
  const token = (form: Record<string, string> | string) =>
    send({ path: paths.token, headers: [FORM], body: new URLSearchParams(form).toString() });

  it.each([
    MARK,
    'password',
    'authorization_code',
    'client_credentials',
    '__proto__',
    'constructor',
    'REFRESH_TOKEN',
    '\0',
    `${REFRESH_TOKEN_GRANT} `,
  ])('does not know the grant %j', async (grant) => {
    const answer = await token({ grant_type: grant, refresh_token: 'a' });
    expect(errorOf(expectRefusal(answer, 'oauth', 400))).toBe('unsupported_grant_type');
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  it.each([
    ['no grant', ''],
    ['an empty grant', 'grant_type='],
    ['a repeated grant', `grant_type=${REFRESH_TOKEN_GRANT}&grant_type=${REFRESH_TOKEN_GRANT}`],
    ['no refresh token', `grant_type=${REFRESH_TOKEN_GRANT}`],
    ['a repeated refresh token', `grant_type=${REFRESH_TOKEN_GRANT}&refresh_token=a&refresh_token=${MARK}`],
    ['no device code', `grant_type=${DEVICE_CODE_GRANT}`],
  ])('needs its parameters, once: %s', async (_what, form) => {
    expect(errorOf(expectRefusal(await token(form), 'oauth', 400))).toBe('invalid_request');
  });

  it.each(['a', MARK, 'a.b.c', 'a.b.c.d.e', '..', '....', '\0', 'e30.e30.e30.e30.e30', 'x'.repeat(300_000)])(
    'gives nothing for the refresh token number %#',
    async (refreshToken) => {
      const answer = await token({ grant_type: REFRESH_TOKEN_GRANT, refresh_token: refreshToken });
      expect(errorOf(expectRefusal(answer, 'oauth', 401))).toBe('invalid_grant');
    },
  );

  it.each(['a', MARK, '\0', 'x'.repeat(300_000), "'; drop table kv; --"])(
    'gives nothing for the device code number %#',
    async (deviceCode) => {
      const answer = await token({ grant_type: DEVICE_CODE_GRANT, device_code: deviceCode });
      expect(errorOf(expectRefusal(answer, 'oauth', 400))).toBe('expired_token');
    },
  );
});

/** A token of this gateway with another head, signed with the right secret. */
function signed(head: Record<string, unknown>, digest: string): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = target.tokens.access_token.split('.')[1];
  const content = `${encode(head)}.${payload}`;
  return `${content}.${digest === '' ? '' : createHmac(digest, SECRETS.jwt).update(content).digest('base64url')}`;
}

describe.each([
  ['POST', paths.messages],
  ['POST', paths.countTokens],
  ['GET', paths.models],
  ['GET', `${paths.models}/${'x'.repeat(8_000)}`],
])('%s %s', (method, path) => {
  const asks = (...headers: readonly string[]) =>
    send({ method, path, headers, ...(method === 'POST' ? { body: `{"model":"${MARK}"}` } : {}) });

  it.each<[string, () => readonly string[]]>([
    ['nothing', () => []],
    ['another scheme', () => [`Authorization: Basic ${MARK}`]],
    ['no token', () => ['Authorization: Bearer']],
    ['two tokens', () => [`Authorization: Bearer ${MARK} ${MARK}`]],
    ['two headers', () => [target.bearer, target.bearer]],
    ['nonsense', () => [`Authorization: Bearer ${MARK}`]],
    ['dots', () => ['Authorization: Bearer ..']],
    ['no JSON', () => ['Authorization: Bearer bm90.anNvbg.AAAA']],
    ['an endless token', () => [`Authorization: Bearer ${MARK.repeat(7_000)}`]],
    ['another API key', () => [`x-api-key: ${MARK}`]],
    ['a refresh token', () => [`Authorization: Bearer ${target.tokens.refresh_token}`]],
    ['no algorithm', () => [`Authorization: Bearer ${signed({ alg: 'none', typ: 'at+jwt' }, '')}`]],
    ['a longer hash', () => [`Authorization: Bearer ${signed({ alg: 'HS512', typ: 'at+jwt' }, 'sha512')}`]],
    [
      'a false algorithm',
      () => [`Authorization: Bearer ${signed({ alg: 'RS256', typ: 'at+jwt' }, 'sha256')}`],
    ],
    ['another type', () => [`Authorization: Bearer ${signed({ alg: 'HS256', typ: 'JWT' }, 'sha256')}`]],
    [
      'critical words',
      () => [`Authorization: Bearer ${signed({ alg: 'HS256', typ: 'at+jwt', crit: ['a'], a: 1 }, 'sha256')}`],
    ],
  ])('does not take %s for a session', async (_what, headers) => {
    const answer = await asks(...headers());
    expect(JSON.parse(expectRefusal(answer, 'messages', 401)).error.type).toBe('authentication_error');
    expect(answer.headers).toMatchObject({
      'x-should-retry': 'false',
      'www-authenticate': 'Bearer error="invalid_token"',
    });
  });
});

describe.each([[paths.messages], [paths.countTokens]])('the body of POST %s', (path) => {
  const asks = (body: string | Buffer, ...headers: readonly string[]) =>
    send({ path, headers: [target.bearer, JSON_TYPE, ...headers], body });
  const nested = (depth: number) => `{"model":"m","a":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  it.each<[string, string | Buffer, string]>([
    ['nothing', '', 'request body must be a JSON object'],
    ['a list', '[]', 'request body must be a JSON object'],
    ['a text', `"${MARK}"`, 'request body must be a JSON object'],
    ['half an object', `{"model":"${MARK}`, 'request body must be a JSON object'],
    ['two objects', '{"model":"m"}{}', 'request body must be a JSON object'],
    ['single quotes', "{'model':'m'}", 'request body must be a JSON object'],
    ['a comma too many', '{"model":"m",}', 'request body must be a JSON object'],
    ['a comment', `{"model":"m"/*${MARK}*/}`, 'request body must be a JSON object'],
    ['a number that is none', '{"model":"m","a":NaN}', 'request body must be a JSON object'],
    ['a NUL', '{"model":"m\0"}', 'request body must be a JSON object'],
    ['NULs only', Buffer.alloc(1_000), 'request body must be a JSON object'],
    ['a byte order mark', '\ufeff{"model":"m"}', 'request body must be a JSON object'],
    [
      'bytes that are no UTF-8',
      Buffer.from('{"model":"m\xff"}', 'latin1'),
      'request body must be a JSON object',
    ],
    ['UTF-16', Buffer.from('{"model":"m"}', 'utf16le'), 'request body must be a JSON object'],
    ['a form', `model=${MARK}`, 'request body must be a JSON object'],
    ['201 levels', nested(201), 'request body must be a JSON object'],
    ['400,000 levels', nested(400_000), 'request body must be a JSON object'],
    [
      'half of 900,000 levels',
      `{"model":"m","a":${'['.repeat(900_000)}`,
      'request body must be a JSON object',
    ],
    ['half of 150,000 objects', '{"a":'.repeat(150_000), 'request body must be a JSON object'],
    ['no model', '{}', 'model is required'],
    ['an empty model', '{"model":""}', 'model is required'],
    ['a model that is a number', '{"model":7}', 'model must be a string'],
    ['a model that is an object', '{"model":{"toString":"m"}}', 'model must be a string'],
    ['two models', `{"model":"m","mod\\u0065l":"${MARK}"}`, 'request body has more than one "model"'],
  ])('is refused when it is %s', async (_what, body, message) => {
    expect(messageOf(expectRefusal(await asks(body), 'messages', 400))).toBe(message);
  });

  it('is refused when it is too large, before it is sent, as it comes, and when it comes out of a small one', async () => {
    const huge = `{"model":"m","a":"${'a'.repeat(1_000_000)}"}`;
    const chunks = `${huge.length.toString(16)}\r\n${huge}\r\n0\r\n\r\n`;
    expectRefusal(await asks('', 'Content-Length: 99999999999', 'Expect: 100-continue'), 'messages', 413);
    expectRefusal(await asks(chunks, 'Transfer-Encoding: chunked'), 'messages', 413);
    expectRefusal(await asks(gzipSync(huge), 'Content-Encoding: gzip'), 'messages', 413);
  });

  it('is refused when its encoding is another, or not what it says', async () => {
    expectRefusal(await asks(MARK, 'Content-Encoding: deflate'), 'messages', 415);
    for (const encoding of ['gzip', 'br', 'zstd'])
      expectRefusal(await asks(MARK, `Content-Encoding: ${encoding}`), 'messages', 400);
  });

  it('is answered when it is cut off', async () => {
    const headers = [target.bearer, JSON_TYPE, 'Content-Length: 999'];
    const bytes = rawRequest({ method: 'POST', path, headers, body: `{"model":"${MARK}` });
    expectRefusal(await target.send(bytes, { end: true }), 'messages', 400);
  });

  it('may name a model that nobody has: the answer names it, the log does not hold the request', async () => {
    const said = expectRefusal(await asks(`{"model":"no-such-model","messages":"${MARK}"}`), 'messages', 400);
    expect(messageOf(said)).toContain('no-such-model');
  });
});

describe('GET /v1/models', () => {
  it.each(['0', '-1', '1001', '1e3.5', 'NaN', 'Infinity', '0x10000', '%00', '%ff', '1&limit=zz'])(
    'answers limit=%s without failing',
    async (limit) => {
      const path = `${paths.models}?limit=${limit}&after_id=%00&before_id=`;
      const { status } = await send({ method: 'GET', path, headers: [target.bearer] });
      expect([200, 400]).toContain(status);
    },
  );
});

it('reached no upstream with any of that, and printed nothing of it', () => {
  expect(target.deployment.upstream.requests).toEqual([]);
  target.expectQuietLog();
});
