import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../../../src/gateway/upstream/providers/aws/signer.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { few } from '../../../../support/property-runs.ts';
import { createAwsAccount } from '../../../../support/stand-ins/aws-account.ts';

const PLACE = { service: 'bedrock', region: 'eu-west-1', host: 'bedrock-runtime.eu-west-1.amazonaws.com' };
const REQUEST = {
  path: '/v1/messages',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{}'),
};

function standUp() {
  const clock = createManualClock(Date.UTC(2026, 10, 25, 23, 59, 30));
  const account = createAwsAccount(clock.now);
  const sign = createSigner(PLACE, clock);
  return {
    clock,
    account,
    sign,
    keys: account.issue(),
    /** What the account finds wrong with a request as it arrives. */
    faultOf(
      sent: ReturnType<typeof sign>,
      changes: { readonly body?: Buffer; readonly service?: string } = {},
    ) {
      const { path, headers, body } = sent;
      const wire = {
        method: 'POST',
        url: path,
        rawHeaders: ['Host', PLACE.host, ...headers],
        body,
        ...changes,
      };
      return account.fault(wire, changes.service ?? PLACE.service, PLACE.region);
    },
  };
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  return headers[headers.indexOf(name) + 1];
}

describe('a signature', () => {
  it("is the vendor's signer's own, for any path, query, headers and body", async () => {
    const { sign, keys, faultOf } = standUp();
    const plain = fc.stringMatching(/^[\w.~!$&'()*,;=:@-]{1,12}$/);
    const encoded = fc.string({ minLength: 1 }).map(encodeURIComponent);
    const segment = fc.oneof(plain, encoded).filter((text) => text !== '.' && text !== '..');
    const headerName = fc.stringMatching(/^x-[a-z][a-z-]{0,8}$/).filter((name) => !name.startsWith('x-amz'));
    const request = fc.record({
      path: fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
      query: fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()), { maxLength: 3 }),
      headers: fc.array(fc.tuple(headerName, fc.stringMatching(/^[\x20-\x7e]{0,20}$/)), { maxLength: 6 }),
      body: fc.uint8Array(),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ path, query, headers, body }) => {
        const search = query.length === 0 ? '' : `?${new URLSearchParams(query)}`;
        const sent = sign({ path: path + search, headers: headers.flat(), body: Buffer.from(body) }, keys);
        expect(await faultOf(sent)).toBeUndefined();
      }),
      few(2_000),
    );
  });

  it.each(['?beta=true', '?b=2&a=1&a=0', '?y+=1&y=1', '?x', '?q=a+b%2Fc&empty=', '?%zz=%', "?a=(it's)*!~"])(
    'holds for the query %s',
    async (query) => {
      const { sign, keys, faultOf } = standUp();
      expect(await faultOf(sign({ ...REQUEST, path: `/v1/messages${query}` }, keys))).toBeUndefined();
    },
  );

  it('sends the usual query as it came', () => {
    const { sign, keys } = standUp();
    expect(sign({ ...REQUEST, path: '/v1/messages?beta=true' }, keys).path).toBe('/v1/messages?beta=true');
  });

  it('covers every header but those that change on the way, or are not plain ASCII', () => {
    const { sign, keys } = standUp();
    const headers = [
      ['content-type', 'application/json'],
      ['x-cost-centre', 'platform'],
      ['user-agent', 'claude-cli'],
      ['traceparent', '00-1'],
      ['x-claude-code-name', 'caf\u00e9'],
      ['x-claude-code-name', 'plain'],
    ].flat();
    expect(headerOf(sign({ ...REQUEST, headers }, keys).headers, 'authorization')).toContain(
      'SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-cost-centre,',
    );
  });

  it('no longer holds when the body is another', async () => {
    const { sign, keys, faultOf } = standUp();
    const sent = sign(REQUEST, keys);
    expect(await faultOf(sent, { body: Buffer.from('{ }') })).toBe('InvalidSignatureException');
  });

  it('no longer holds for another service', async () => {
    const { sign, keys, faultOf } = standUp();
    expect(await faultOf(sign(REQUEST, keys), { service: 's3' })).toBe('IncompleteSignatureException');
  });

  it('goes with the day', async () => {
    const { sign, keys, clock, faultOf } = standUp();
    const before = sign(REQUEST, keys);
    clock.advance(60_000);
    const after = sign(REQUEST, keys);
    expect([headerOf(before.headers, 'x-amz-date'), headerOf(after.headers, 'x-amz-date')]).toEqual([
      '20261125T235930Z',
      '20261126T000030Z',
    ]);
    expect(await faultOf(after)).toBeUndefined();
  });

  it('is made with keys without a session token, too', () => {
    const { sign } = standUp();
    const keys = { accessKeyId: 'AKIA', secretAccessKey: 'secret', sessionToken: undefined };
    expect(sign(REQUEST, keys).headers).not.toContain('x-amz-security-token');
  });
});
