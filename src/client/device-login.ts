import type { Clock } from '../kernel/clock.ts';
import { CodedError } from '../kernel/coded-error.ts';
import type { DeviceGrant, OAuthClient, TokenAnswer, TokenSet } from './oauth-client.ts';
import { isPassing } from './session.ts';

export interface DeviceLoginOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told about once a second how long the code is still good. */
  readonly onWait: (secondsLeft: number) => void;
  /** Told when the gateway could not be reached, and when it answers again. */
  readonly onReachable: (isReachable: boolean) => void;
}

/** RFC 8628 section 3.5: a client told to slow down waits this much longer from then on. */
const SLOW_DOWN_SECONDS = 5;

/**
 * Polls until the developer has approved the grant in a browser (RFC 8628 section 3.4). Trouble with the network or the
 * gateway is waited out until the code expires. Throws `sign_in_denied`, `sign_in_expired`, `gateway_answer`, the
 * signal's reason, and at once whatever speaks against the gateway itself, such as `certificate_changed`.
 */
export async function pollForTokens(
  oauth: Pick<OAuthClient, 'redeem'>,
  grant: DeviceGrant,
  options: DeviceLoginOptions,
): Promise<TokenSet> {
  const deadlineMs = options.clock.monotonicMs() + grant.expiresInSeconds * 1000;
  let intervalSeconds = grant.intervalSeconds;
  for (;;) {
    await wait(intervalSeconds, deadlineMs, options);
    const step = judge(await attempt(oauth, grant, options));
    if (step.kind === 'done') return step.tokens;
    if (step.kind === 'slower') intervalSeconds += SLOW_DOWN_SECONDS;
    options.onReachable(step.kind !== 'trouble');
  }
}

type Step =
  | { readonly kind: 'done'; readonly tokens: TokenSet }
  | { readonly kind: 'pending' | 'slower' | 'trouble' };

function judge(answer: TokenAnswer | 'unreachable'): Step {
  if (answer === 'unreachable') return { kind: 'trouble' };
  if (answer.kind === 'tokens') return { kind: 'done', tokens: answer.tokens };
  switch (answer.error) {
    case 'authorization_pending':
      return { kind: 'pending' };
    case 'slow_down':
      return { kind: 'slower' };
    case 'access_denied':
      throw new CodedError('sign_in_denied');
    case 'expired_token':
    // The code was redeemed, but the answer with the tokens was lost on its way: only a new code helps.
    case 'invalid_grant':
      throw new CodedError('sign_in_expired');
    default:
      return judgeByStatus(answer.status);
  }
}

function judgeByStatus(status: number): Step {
  if (status >= 500) return { kind: 'trouble' };
  if (status === 429) return { kind: 'slower' };
  throw new CodedError('gateway_answer', {
    facts: { why: `waiting for the sign-in, it answered ${status}` },
  });
}

async function attempt(
  oauth: Pick<OAuthClient, 'redeem'>,
  { deviceCode }: DeviceGrant,
  { signal }: DeviceLoginOptions,
): Promise<TokenAnswer | 'unreachable'> {
  try {
    return await oauth.redeem(deviceCode, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isPassing(error)) return 'unreachable';
    throw error;
  }
}

/** Waits out one interval in steps of a second. Throws `sign_in_expired` when the code's time is over. */
async function wait(seconds: number, deadlineMs: number, options: DeviceLoginOptions): Promise<void> {
  const { clock, signal, onWait } = options;
  const untilMs = clock.monotonicMs() + seconds * 1000;
  for (;;) {
    const nowMs = clock.monotonicMs();
    if (nowMs >= deadlineMs) throw new CodedError('sign_in_expired');
    if (nowMs >= untilMs) return;
    onWait(Math.ceil((deadlineMs - nowMs) / 1000));
    await pause(Math.min(1000, untilMs - nowMs, deadlineMs - nowMs), clock, signal);
  }
}

async function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
