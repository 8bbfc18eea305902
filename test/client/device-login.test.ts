import { describe, expect, it } from 'vitest';
import { pollForTokens } from '../../src/client/device-login.ts';
import type { DeviceGrant, TokenAnswer } from '../../src/client/oauth-client.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import { createFastClock } from '../support/memory-host.ts';

const grant: DeviceGrant = {
  deviceCode: 'device-code',
  userCode: 'BCDF-GHJK',
  verificationUri: 'https://gateway.example.test/device',
  verificationUriComplete: undefined,
  expiresInSeconds: 600,
  intervalSeconds: 5,
  loginNotice: undefined,
};

const done: TokenAnswer = {
  kind: 'tokens',
  tokens: { accessToken: 'access', expiresInSeconds: 3600, refreshToken: undefined, email: undefined },
};
const says = (error: string, status = 400): TokenAnswer => ({ kind: 'error', status, error });

/** Polls with scripted answers, the last one repeated, and notes the second at which each poll happened. */
async function poll(answers: readonly (TokenAnswer | Error)[], signal = new AbortController().signal) {
  const clock = createFastClock();
  const polledAt: number[] = [];
  const left: number[] = [];
  const reachable: boolean[] = [];
  const redeem = async () => {
    polledAt.push(clock.monotonicMs() / 1000);
    const answer = answers[Math.min(polledAt.length, answers.length) - 1];
    if (answer === undefined || answer instanceof Error) throw answer;
    return answer;
  };
  const outcome = await pollForTokens({ redeem }, grant, {
    clock,
    signal,
    onWait: (seconds) => void left.push(seconds),
    onReachable: (isReachable) => void reachable.push(isReachable),
  }).catch((error: unknown) => error);
  return { outcome, polledAt, left, reachable };
}

describe('waiting for the approval', () => {
  it('polls at the interval until there are tokens, showing the time left', async () => {
    const { outcome, polledAt, left } = await poll([
      says('authorization_pending'),
      says('authorization_pending'),
      done,
    ]);
    expect(outcome).toMatchObject({ accessToken: 'access' });
    expect(polledAt).toEqual([5, 10, 15]);
    expect(left.slice(0, 6)).toEqual([600, 599, 598, 597, 596, 595]);
  });

  it('waits 5 seconds longer from each slow_down on', async () => {
    const pending = says('authorization_pending');
    const { polledAt } = await poll([says('slow_down'), pending, says('slow_down', 429), pending, done]);
    expect(polledAt).toEqual([5, 15, 25, 40, 55]);
  });

  it.each([
    ['a network that fails', new CodedError('gateway_unreachable')],
    ['a name server that does not answer', new CodedError('host_unresolvable')],
    ['a name server that does not know the proxy', new CodedError('proxy_unresolvable')],
    ['503', says('temporarily_unavailable', 503)],
    ['502 from a load balancer', says('', 502)],
  ])('goes on after %s and says when the gateway answers again', async (_what, trouble) => {
    const { outcome, reachable } = await poll([trouble, trouble, says('authorization_pending'), done]);
    expect(outcome).toMatchObject({ accessToken: 'access' });
    expect(reachable).toEqual([false, false, true]);
  });

  it('gives a network that never comes back until the code expires', async () => {
    const { outcome, polledAt } = await poll([new CodedError('gateway_unreachable')]);
    expect(outcome).toMatchObject({ code: 'sign_in_expired' });
    expect(polledAt.at(-1)).toBe(595);
  });

  it.each([
    ['access_denied', 'sign_in_denied'],
    ['expired_token', 'sign_in_expired'],
    ['invalid_grant', 'sign_in_expired'],
    ['unsupported_grant_type', 'gateway_answer'],
    ['', 'gateway_answer'],
  ])('ends at once with %s', async (error, code) => {
    const { outcome, polledAt } = await poll([says(error)]);
    expect(outcome).toMatchObject({ code });
    expect(polledAt).toHaveLength(1);
  });

  it.each(['certificate_changed', 'public_address', 'certificate_untrusted'] as const)(
    'ends at once with %s',
    async (code) => {
      const { outcome, polledAt } = await poll([new CodedError(code)]);
      expect(outcome).toMatchObject({ code });
      expect(polledAt).toHaveLength(1);
    },
  );

  it('ends when interrupted, with what interrupted it', async () => {
    const reason = new CodedError('interrupted');
    const { outcome, polledAt } = await poll([says('authorization_pending')], AbortSignal.abort(reason));
    expect(outcome).toBe(reason);
    expect(polledAt).toEqual([]);
  });
});
