import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/gateway/exchange.ts';
import { type Failure, finalFailure } from '../../../src/gateway/upstream/final-failure.ts';

const answered = (status: number, name = `u${status}`): Failure => ({
  verdict: 'capacity',
  answer: { status, upstreamName: name } as Answer,
});
const unreachable: Failure = { verdict: 'broken', answer: undefined };

/** What the developer gets: a status of an upstream's answer, or the code of the gateway's own error. */
function outcome(failures: readonly Failure[], configured = failures.length): string {
  try {
    const { status, upstreamName } = finalFailure(failures, configured);
    return `${status} from ${upstreamName}`;
  } catch (error) {
    return String((error as { code: string }).code);
  }
}

describe('when no upstream served, the developer gets', () => {
  // Most preferred first; each is tested against all that come after it, in both orders.
  const ranks = [
    { failure: answered(429), expected: '429 from u429' },
    { failure: answered(529), expected: '529 from u529' },
    { failure: answered(401), expected: 'upstream_credentials' },
    { failure: answered(404), expected: '404 from u404' },
    { failure: answered(501), expected: '501 from u501' },
    { failure: answered(500), expected: 'upstreams_failed' },
  ];
  const pairs = ranks.flatMap((better, i) => ranks.slice(i + 1).map((worse) => ({ better, worse })));

  it.each(pairs)('$better.expected rather than $worse.expected', ({ better, worse }) => {
    expect(outcome([better.failure, worse.failure])).toBe(better.expected);
    expect(outcome([worse.failure, better.failure])).toBe(better.expected);
  });

  it('the last of several of the same kind', () => {
    expect(outcome([answered(429, 'first'), answered(500), answered(429, 'second')])).toBe('429 from second');
  });

  it('the same for a 403 and for a credential that could not be had as for a 401', () => {
    expect(outcome([answered(403), answered(404)])).toBe('upstream_credentials');
    expect(outcome([{ verdict: 'account', answer: undefined }, answered(404)])).toBe('upstream_credentials');
  });

  it('the same for a credential that is refused in another status', () => {
    const expired: Failure = { verdict: 'account', answer: answered(400).answer };
    expect(outcome([expired, answered(404), answered(500)])).toBe('upstream_credentials');
  });

  it('no word of the account after a 402 or a usage limit', () => {
    expect(outcome([{ verdict: 'billing', answer: answered(402).answer }])).toBe('upstreams_failed');
    expect(outcome([{ verdict: 'billing', answer: answered(400).answer }])).toBe('upstreams_failed');
  });

  it('what says in a 400 that the model is not there, after a 404 and before a 501', () => {
    const missing: Failure = { verdict: 'model_missing', answer: answered(400).answer };
    expect(outcome([missing, answered(501), answered(500)])).toBe('400 from u400');
    expect(outcome([answered(404), missing])).toBe('404 from u404');
  });

  it('upstreams_failed with the number of configured upstreams, asked or not', () => {
    expect(() => finalFailure([unreachable], 3)).toThrow(
      expect.objectContaining({ facts: { attempted: 3 } }),
    );
    expect(outcome([], 2)).toBe('upstreams_failed');
  });

  it('not_supported when the endpoint is what is missing', () => {
    expect(outcome([{ verdict: 'unsupported', answer: undefined }, unreachable])).toBe('not_supported');
  });

  it.each([400, 401, 403, 404, 429])('not_supported after a %i that says no more than that', (status) => {
    expect(outcome([{ verdict: 'unsupported', answer: answered(status).answer }])).toBe('not_supported');
  });

  it('request_too_large only when size is all that stood in the way', () => {
    const tooLarge: Failure = { verdict: 'too_large', answer: undefined };
    expect(outcome([tooLarge, tooLarge])).toBe('request_too_large');
    expect(outcome([tooLarge, unreachable])).toBe('upstreams_failed');
  });
});
