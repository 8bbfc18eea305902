import { CodedError } from '../../kernel/coded-error.ts';
import { messagesError } from '../errors.ts';
import type { Audit, Caller } from '../exchange.ts';
import { isKnownTag } from './entity-tag.ts';
import type { CallerHandler } from './models-endpoint.ts';
import type { ServedSettings } from './served-settings.ts';

export interface ManagedSettingsParts {
  /** Undefined: there is nothing for this developer. */
  readonly settingsOf: (caller: Caller) => ServedSettings | undefined;
  readonly version: string;
  readonly audit: Audit;
}

/**
 * `GET /managed/settings`. No answer that bears the gateway's version says `no-store`: to clients that pair means something
 * else than what is meant here.
 */
export function createManagedSettingsEndpoint({
  settingsOf,
  version,
  audit,
}: ManagedSettingsParts): CallerHandler {
  const headers = { 'cache-control': 'private, no-cache', 'x-cc-gateway-version': version };

  return (request, reply, caller) => {
    const served = settingsOf(caller);
    const answered = (status: number): void =>
      audit('managed.serve', request.requestId, {
        sub: caller.sub,
        email: caller.email,
        client_ip: request.clientIp,
        status,
        checksum: served?.checksum,
      });

    if (!served) {
      const missing = new CodedError('not_found', { facts: { sentence: 'there are no settings for you' } });
      answered(404);
      return reply.json(404, messagesError(missing, request.requestId).body, headers);
    }
    const own = { ...headers, etag: served.etag };
    if (isKnownTag(request.headers['if-none-match'], served.etag)) {
      answered(304);
      return reply.send(304, own);
    }
    answered(200);
    reply.send(200, { ...own, 'content-type': 'application/json' }, served.body);
  };
}
