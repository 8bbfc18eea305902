import { CodedError } from '../../kernel/coded-error.ts';
import { DEVICE_CODE_GRANT, REFRESH_TOKEN_GRANT, type TokenResponse } from '../../kernel/protocol.ts';
import type { Accepted, Reply } from '../exchange.ts';
import { singleParameter } from '../http/form.ts';

export interface TokenEndpointParts {
  readonly readForm: (request: Accepted) => Promise<URLSearchParams>;
  readonly redeem: (request: Accepted, deviceCode: string) => Promise<TokenResponse>;
  readonly refresh: (request: Accepted, refreshToken: string) => Promise<TokenResponse>;
}

/** `POST /oauth/token` (RFC 6749 section 3.2). No `WWW-Authenticate`: stock clients would read it instead of the error. */
export function createTokenEndpoint({
  readForm,
  redeem,
  refresh,
}: TokenEndpointParts): (request: Accepted, reply: Reply) => Promise<void> {
  const grants: Readonly<
    Record<string, (request: Accepted, form: URLSearchParams) => Promise<TokenResponse>>
  > = {
    [DEVICE_CODE_GRANT]: (request, form) => redeem(request, required(form, 'device_code')),
    [REFRESH_TOKEN_GRANT]: (request, form) => refresh(request, required(form, 'refresh_token')),
  };
  return async (request, reply) => {
    const form = await readForm(request);
    const name = required(form, 'grant_type');
    const grant = Object.hasOwn(grants, name) ? grants[name] : undefined;
    if (!grant) throw new CodedError('unsupported_grant_type');
    reply.json(200, await grant(request, form), { 'cache-control': 'no-store', pragma: 'no-cache' });
  };
}

function required(form: URLSearchParams, name: string): string {
  const value = singleParameter(form, name);
  if (value === undefined)
    throw new CodedError('invalid_request', { facts: { sentence: `${name} is required` } });
  return value;
}
