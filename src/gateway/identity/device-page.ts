import { randomBytes } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Accepted, Audit, Reply } from '../exchange.ts';
import type { BrowserBinding } from './browser-binding.ts';
import type { Grants, OpenGrant } from './grants.ts';
import type { Pages } from './pages.ts';
import type { IdentityProvider } from './provider.ts';
import type { SignInLimiter } from './sign-in-limits.ts';
import { normalisedUserCode } from './user-code.ts';

export interface DevicePageParts {
  readonly publicOrigin: string;
  readonly usesPkce: boolean;
  readonly loginNotice: string | undefined;
  readonly grants: Grants;
  readonly limits: SignInLimiter;
  readonly binding: BrowserBinding;
  readonly provider: IdentityProvider;
  readonly pages: Pages;
  readonly readForm: (request: Accepted) => Promise<URLSearchParams>;
  readonly audit: Audit;
  readonly clock: Clock;
}

type PageHandler = (request: Accepted, reply: Reply) => Promise<void>;

/** Wrong, used and expired codes read the same. */
const NO_SUCH_CODE =
  'That code is mistyped, was used already, or is older than ten minutes. Check the letters, or run “sallyport login” again.';

/** `/device`: shows what is being approved, and sends the browser on to the identity provider. Nothing is approved here. */
export function createDevicePage(parts: DevicePageParts): {
  readonly show: PageHandler;
  readonly submit: PageHandler;
} {
  const { grants, limits, pages, audit, clock } = parts;

  const record = (request: Accepted, result: string) =>
    audit('device.verify', request.requestId, { client_ip: request.clientIp, result });

  /** A code is looked up only by a request that has been counted: guesses that come all at once get no further. */
  const find = async (
    request: Accepted,
    typed: string,
    counts: 'always' | 'when_missed',
  ): Promise<OpenGrant | undefined> => {
    const nowMs = clock.now();
    const hit = await limits.hit('deviceVerify', request.clientIp, nowMs);
    if (!hit.allowed) {
      record(request, 'rate_limited');
      throw new CodedError('rate_limited', { facts: { retryAfterSeconds: hit.retryAfterSeconds } });
    }
    const letters = normalisedUserCode(typed);
    const grant = letters ? await grants.findPending({ userCode: letters }, nowMs) : undefined;
    if (!grant) record(request, 'not_found');
    else if (counts === 'when_missed') await limits.giveBack('deviceVerify', request.clientIp, hit);
    return grant;
  };

  return {
    async show(request, reply) {
      const typed = new URLSearchParams(request.query).get('user_code');
      if (!typed) return pages.enterCode(request, reply);
      const grant = await find(request, typed, 'when_missed');
      if (!grant) return pages.enterCode(request, reply, NO_SUCH_CODE);
      const { userCode, surface, clientId, clientIp } = grant.contents;
      pages.confirm(request, reply, {
        userCode,
        program: surface ?? clientId,
        clientIp,
        createdAtMs: grant.row.createdAtMs,
        browserIp: clientIp === request.clientIp ? undefined : request.clientIp,
        loginNotice: parts.loginNotice,
      });
    },
    async submit(request, reply) {
      if (!isOwnForm(request, parts.publicOrigin)) {
        record(request, 'csrf_rejected');
        throw new CodedError('csrf_rejected');
      }
      const form = await parts.readForm(request);
      const grant = await find(request, form.get('user_code') ?? '', 'always');
      if (!grant) return pages.enterCode(request, reply, NO_SUCH_CODE);
      if (form.get('action') === 'deny') {
        const isDenied = await grants.deny(grant, clock.now());
        record(request, isDenied ? 'denied' : 'not_found');
        return isDenied ? pages.denied(request, reply) : pages.enterCode(request, reply, NO_SUCH_CODE);
      }
      await sendToProvider(parts, grant, reply);
      record(request, 'ok');
    },
  };
}

/** Binds the browser to the grant, notes what the provider must bring back, and answers with the redirect. */
async function sendToProvider(parts: DevicePageParts, grant: OpenGrant, reply: Reply): Promise<void> {
  const authorization = {
    state: randomBytes(24).toString('base64url'),
    nonce: randomBytes(24).toString('base64url'),
    codeVerifier: parts.usesPkce ? randomBytes(32).toString('base64url') : undefined,
  };
  const { codeVerifier, ...required } = authorization;
  const request = codeVerifier === undefined ? required : { ...required, codeVerifier };
  const url = await parts.provider.authorizationUrl(authorization);
  if (!(await parts.grants.sendAway(grant, request, parts.clock.now()))) throw new CodedError('link_expired');
  const cookie = await parts.binding.cookieFor({
    deviceHash: grant.row.deviceHash,
    state: authorization.state,
  });
  reply.send(303, {
    location: url.href,
    'set-cookie': cookie,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
}

/** Sec-Fetch-Site where the browser sends it, else Origin: a form of this gateway's own page, or nothing. */
function isOwnForm({ headers }: Accepted, publicOrigin: string): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  return headers.origin === publicOrigin;
}
