/** Every code a CodedError can carry. Gateway codes map to answers in gateway/errors.ts, the rest to exit codes in commands/exit-codes.ts. */
export type ErrorCode = RequestErrorCode | OAuthErrorCode | BootErrorCode | ClientErrorCode;

/** A request to the gateway that is answered with an error. */
export type RequestErrorCode =
  | 'bad_request'
  | 'body_not_object'
  | 'body_repeated_key'
  | 'model_required'
  | 'model_not_string'
  | 'model_not_allowed'
  | 'model_unknown'
  | 'unauthenticated'
  | 'forbidden'
  | 'address_denied'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'request_too_large'
  | 'unsupported_encoding'
  | 'unsupported_media_type'
  | 'uri_too_long'
  | 'headers_too_large'
  | 'rate_limited'
  | 'not_supported'
  | 'overloaded'
  | 'store_unavailable'
  | 'audit_unavailable'
  | 'upstreams_failed'
  | 'upstream_credentials'
  | 'upstream_refused'
  | 'client_left'
  | 'internal';

/** RFC 6749, RFC 7009 and RFC 8628 error values, in their own words. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_grant'
  | 'unsupported_grant_type'
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'
  | 'temporarily_unavailable'
  | 'csrf_rejected'
  | 'link_expired'
  | 'sign_in_refused';

/** What keeps a gateway or an operator's command from starting, or a dependency from answering. */
export type BootErrorCode =
  | 'config_invalid'
  | 'config_unreadable'
  | 'config_not_writable'
  | 'rotation_too_early'
  | 'store_unreachable'
  | 'store_locked'
  | 'store_permission'
  | 'store_unsupported'
  | 'idp_unreachable'
  | 'idp_misconfigured'
  | 'idp_answer'
  | 'address_in_use'
  | 'address_refused'
  | 'not_built_yet';

/** What a developer's command can run into. */
export type ClientErrorCode =
  | 'bad_usage'
  | 'interrupted'
  | 'not_signed_in'
  | 'session_over'
  | 'sign_in_denied'
  | 'sign_in_expired'
  | 'sign_in_limited'
  | 'sign_in_declined'
  | 'insecure_url'
  | 'public_address'
  | 'proxy_public'
  | 'proxy_unresolvable'
  | 'host_unresolvable'
  | 'internal_networks_invalid'
  | 'outside_internal_network'
  | 'certificate_untrusted'
  | 'certificate_changed'
  | 'fingerprint_mismatch'
  | 'fingerprint_required'
  | 'trust_declined'
  | 'unsafe_file_mode'
  | 'credentials_unreadable'
  | 'lock_held'
  | 'gateway_unreachable'
  | 'gateway_answer'
  | 'gateway_refused'
  | 'command_failed';
