import { DEVICE_CODE_GRANT, PROTOCOL_VERSION, paths, REFRESH_TOKEN_GRANT } from '../../kernel/protocol.ts';
import type { Accepted, Reply } from '../exchange.ts';

/** `/.well-known/oauth-authorization-server` (RFC 8414). There is no authorization endpoint: browsers come with a user code. */
export function createDiscovery(publicUrl: string): (request: Accepted, reply: Reply) => void {
  const document = {
    issuer: publicUrl,
    device_authorization_endpoint: publicUrl + paths.deviceAuthorization,
    token_endpoint: publicUrl + paths.token,
    revocation_endpoint: publicUrl + paths.revocation,
    grant_types_supported: [DEVICE_CODE_GRANT, REFRESH_TOKEN_GRANT],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    gateway_protocol_version: PROTOCOL_VERSION,
  };
  return (_request, reply) => reply.json(200, document);
}
