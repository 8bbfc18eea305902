import { randomBytes } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { DeviceAuthorizationResponse } from '../../kernel/protocol.ts';
import type { Accepted, Audit, Reply } from '../exchange.ts';
import { type Grants, INITIAL_INTERVAL_SECONDS } from './grants.ts';
import type { SignInLimiter } from './sign-in-limits.ts';
import { newUserCode } from './user-code.ts';

const LIFETIME_SECONDS = 600;
const MAX_DRAWS = 5;

export interface DeviceAuthorizationParts {
  readonly publicUrl: string;
  readonly loginNotice: string | undefined;
  readonly grants: Grants;
  readonly limits: SignInLimiter;
  readonly readForm: (request: Accepted) => Promise<URLSearchParams>;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** `POST /oauth/device_authorization`: RFC 8628 section 3.1. Fields are neither required nor forbidden. */
export function createDeviceAuthorization(
  parts: DeviceAuthorizationParts,
): (request: Accepted, reply: Reply) => Promise<void> {
  const { publicUrl, loginNotice, grants, limits, readForm, audit, clock } = parts;
  return async (request, reply) => {
    const form = await readForm(request);
    const nowMs = clock.now();
    const surface = shownName(form.get('surface'));
    const clientId = shownName(form.get('client_id'));
    const record = (result: string) =>
      audit('device.authorize', request.requestId, { client_ip: request.clientIp, surface, result });
    const { allowed, retryAfterSeconds } = await limits.hit('deviceAuthorization', request.clientIp, nowMs);
    if (!allowed) {
      record('rate_limited');
      const sentence =
        'too many sign-ins were started from this network address (rate_limits.device_authorization); try again later';
      throw new CodedError('slow_down', { facts: { status: 429, retryAfterSeconds, sentence } });
    }
    const expiresAtMs = nowMs + LIFETIME_SECONDS * 1000;
    const contents = {
      clientIp: request.clientIp,
      ...(surface === undefined ? {} : { surface }),
      ...(clientId === undefined ? {} : { clientId }),
    };
    for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
      const deviceCode = randomBytes(32).toString('base64url');
      const userCode = newUserCode();
      if (!(await grants.create(deviceCode, { ...contents, userCode }, { nowMs, expiresAtMs }))) continue;
      record('ok');
      return reply.json(200, {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: `${publicUrl}/device`,
        verification_uri_complete: `${publicUrl}/device?user_code=${userCode}`,
        expires_in: LIFETIME_SECONDS,
        interval: INITIAL_INTERVAL_SECONDS,
        ...(loginNotice === undefined ? {} : { login_notice: loginNotice }),
      } satisfies DeviceAuthorizationResponse);
    }
    throw new CodedError('internal', { detail: `no free user code in ${MAX_DRAWS} draws` });
  };
}

/** How the client names itself, as far as it can be shown. */
function shownName(text: string | null): string | undefined {
  return text && /^[\w. ()/+-]{1,64}$/.test(text) ? text : undefined;
}
