import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readForm, singleParameter } from '../../../src/gateway/http/form.ts';
import { isCodedError } from '../../../src/kernel/coded-error.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { few } from '../../support/property-runs.ts';

const FORM = 'application/x-www-form-urlencoded';

let listener: TestListener;
let form: URLSearchParams | undefined;

beforeAll(async () => {
  listener = await startListener([
    route(
      async (request, reply) => {
        form = await readForm(request);
        reply.json(200, {});
      },
      { method: 'POST', envelope: 'oauth' },
    ),
  ]);
});

beforeEach(() => {
  form = undefined;
});

afterAll(() => listener.close());

async function post(body: string | Uint8Array<ArrayBuffer>, type?: string) {
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const response = await fetch(listener.url, { method: 'POST', headers, body: bytes });
  return { status: response.status, body: await response.json() };
}

const single = (text: string, name: string): string | undefined =>
  singleParameter(new URLSearchParams(text), name);

describe('a form', () => {
  it('says what was put into it', async () => {
    const pairs = fc.array(
      fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' })),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(pairs, async (written) => {
        expect((await post(new URLSearchParams(written).toString(), FORM)).status).toBe(200);
        expect([...(form ?? [])]).toEqual(written);
      }),
      few(100),
    );
  });

  it.each([FORM, 'Application/X-WWW-Form-Urlencoded', `${FORM}; charset=utf-8`, ` ${FORM} ;charset=UTF-8`])(
    'may call itself "%s"',
    async (type) => {
      expect((await post('a=b', type)).status).toBe(200);
      expect(form?.get('a')).toBe('b');
    },
  );

  it('may be absent', async () => {
    expect((await post('')).status).toBe(200);
    expect([...(form ?? ['?'])]).toEqual([]);
  });

  it.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/x-www-form-urlencoded2',
    undefined,
  ])('of the type %s is refused with 400', async (type) => {
    const { status, body } = await post('grant_type=refresh_token', type);
    expect(status).toBe(400);
    expect(body).toEqual({
      error: 'invalid_request',
      error_description: 'send the parameters as application/x-www-form-urlencoded',
    });
  });

  it('that is not UTF-8 is refused with 400', async () => {
    expect(await post(Buffer.from([0x61, 0x3d, 0xff]), FORM)).toEqual({
      status: 400,
      body: { error: 'invalid_request', error_description: 'the form is not UTF-8' },
    });
  });

  it('holds any token that fits into a header, and is refused above 512 KiB with 413', async () => {
    expect((await post(`token=${'t'.repeat(256 * 1024)}`, FORM)).status).toBe(200);
    expect(await post(`token=${'t'.repeat(512 * 1024)}`, FORM)).toMatchObject({
      status: 413,
      body: { error: 'invalid_request' },
    });
  });
});

describe('a parameter', () => {
  it('is had by its name', () => {
    expect(single('a=1&b=2', 'b')).toBe('2');
    expect(single('a=%E2%82%AC+x', 'a')).toBe('€ x');
  });

  it('without a value counts as left out', () => {
    expect(single('a=&b=2', 'a')).toBeUndefined();
    expect(single('a&b=2', 'a')).toBeUndefined();
    expect(single('b=2', 'a')).toBeUndefined();
  });

  it.each(['a=1&a=2', 'a=1&b=2&a=1', 'a=&a=1', '%61=1&a=2'])('repeated as in %s is refused', (text) => {
    try {
      single(text, 'a');
      expect.unreachable();
    } catch (error) {
      if (!isCodedError(error, 'invalid_request')) throw error;
      expect(error.facts['sentence']).toBe('a is repeated');
    }
  });
});
