import { bareHostname, isLoopbackName } from '../client/gateway-url.ts';
import type { ErrorCode } from '../kernel/error-codes.ts';

/** What the thrower of an error knows about it. */
export type Facts = Readonly<Record<string, string | number>>;

interface Failure {
  readonly exitCode: ExitCode;
  readonly sentence: (facts: Facts, detail: string | undefined) => string;
  readonly hint?: (facts: Facts) => string;
}

type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 130;

export const FAILED = 1;
const USAGE = 2;
const NOT_SIGNED_IN = 3;
export const UNSAFE = 4;
const REFUSED = 5;
const INTERRUPTED = 130;

const says =
  (fallback: string): Failure['sentence'] =>
  (_facts, detail) =>
    detail ?? fallback;

/** The gateway's own sentence, which is cleaned where it is received. */
const quotes =
  (fallback: string): Failure['sentence'] =>
  ({ message }, detail) =>
    message ? `The gateway says: ${message}` : (detail ?? fallback);

/** The whole command, so that it can be copied; the gateway stays open only where none is concerned. */
const login = ({ gateway }: Facts) => `sallyport login --gateway-url ${gateway ?? 'https://…'}`;
const loginWith = (facts: Facts) => {
  const shown = String(facts['presented']);
  return `${login(facts)} --fingerprint ${/^[0-9a-f]{16}$/.test(shown) ? shown : '<16 or 64 hex digits>'}`;
};
const signIn = (facts: Facts) => `Sign in: ${login(facts)}`;
const signInAgain = (facts: Facts) => `Sign in again: ${login(facts)}`;

/** No network stands between this machine and itself. */
const checkNetwork = (facts: Facts) =>
  isThisMachine(facts)
    ? 'Check the port, and that the gateway is running on this machine.'
    : "Check that this machine is on your organization's network (VPN), then try again.";
const again = ({ seconds }: Facts) =>
  seconds === undefined ? 'Try again in a moment.' : `Try again in ${seconds} seconds.`;

/** Every code, its exit code and its words. */
export const failures: Readonly<Record<ErrorCode, Failure>> = {
  bad_usage: {
    exitCode: USAGE,
    sentence: ({ command = 'sallyport' }, detail) =>
      `${detail ?? 'The command was not understood'} (see ${command} --help)`,
  },
  interrupted: { exitCode: INTERRUPTED, sentence: () => 'Interrupted' },
  command_failed: { exitCode: FAILED, sentence: (_facts, detail) => detail ?? '' },
  not_built_yet: { exitCode: FAILED, sentence: says('This is not part of this version yet') },

  not_signed_in: {
    exitCode: NOT_SIGNED_IN,
    sentence: ({ gateway }) => (gateway ? `Not signed in to ${gateway}` : 'Not signed in to any gateway'),
    hint: signIn,
  },
  session_over: {
    exitCode: NOT_SIGNED_IN,
    sentence: ({ gateway }) => (gateway ? `The session at ${gateway} is over` : 'The session is over'),
    hint: signInAgain,
  },
  sign_in_denied: { exitCode: NOT_SIGNED_IN, sentence: () => 'The sign-in was denied', hint: signIn },
  sign_in_declined: {
    exitCode: NOT_SIGNED_IN,
    sentence: ({ account }) => `The session of ${account} was ended and not kept`,
    hint: (facts) =>
      `If you did not sign in as that account, somebody else approved the link: ${login(facts)}`,
  },
  sign_in_expired: {
    exitCode: NOT_SIGNED_IN,
    sentence: () => 'The code expired before the sign-in was completed',
    hint: (facts) => `Start again: ${login(facts)}`,
  },
  sign_in_limited: {
    exitCode: FAILED,
    sentence: () => 'The gateway is limiting sign-in attempts right now',
    hint: again,
  },
  trust_declined: {
    exitCode: UNSAFE,
    sentence: ({ host }) => `The certificate of ${host} was not trusted; nothing was sent to it`,
    hint: () => "Compare the fingerprint with the one that your gateway's operator publishes.",
  },

  insecure_url: {
    exitCode: UNSAFE,
    sentence: () => 'Gateway addresses must start with https:// (http:// only on this machine)',
  },
  public_address: {
    exitCode: UNSAFE,
    sentence: ({ host, ip }) =>
      `Gateway hosts must be on your organization's private network; ${host} resolves to the public (or unrecognized) address ${ip}`,
    hint: () =>
      "Check the address. If it is right, this machine may be off your organization's network (VPN), where the name leads elsewhere.",
  },
  outside_internal_network: {
    exitCode: UNSAFE,
    sentence: outsideInternalNetwork,
    hint: (facts) =>
      facts['noProxy']
        ? `Add it to NO_PROXY for a direct connection: ${facts['noProxy']}`
        : checkNetwork(facts),
  },
  internal_networks_invalid: {
    exitCode: UNSAFE,
    sentence: ({ why }) => `gatewayInternalNetworks in managed settings cannot be used: ${why}`,
    hint: () => "Ask this machine's administrator to correct it.",
  },
  host_unresolvable: {
    exitCode: FAILED,
    sentence: ({ host }) => `Could not resolve gateway host ${host}`,
    hint: checkNetwork,
  },
  proxy_public: {
    exitCode: UNSAFE,
    sentence: ({ proxy }) =>
      `Gateway login requires a direct connection and does not support connecting through an HTTP proxy: Gateway login would go through proxy ${proxy}, which is not on a private network`,
    hint: ({ noProxy }) => `Add this entry to NO_PROXY: ${noProxy}`,
  },
  proxy_unresolvable: {
    exitCode: FAILED,
    sentence: ({ host }) => `Could not resolve the configured HTTP proxy ${host}`,
    hint: () => 'Check HTTPS_PROXY and HTTP_PROXY.',
  },
  certificate_untrusted: {
    exitCode: UNSAFE,
    sentence: ({ reason }) => `Could not verify the gateway's TLS certificate: ${reason}`,
    hint: () =>
      "If your organization has a private certificate authority, add it to the operating system's trust store, or name its PEM file in NODE_EXTRA_CA_CERTS.",
  },
  certificate_changed: {
    exitCode: UNSAFE,
    sentence: ({ host, known, presented }) =>
      `The TLS certificate of ${host} changed: trusted is ${known}, presented is ${presented}`,
    hint: (facts) =>
      `Ask your gateway's operator whether it was renewed and has this fingerprint now, then accept it: ${loginWith(facts)}`,
  },
  fingerprint_mismatch: {
    exitCode: UNSAFE,
    sentence: ({ host, expected, presented }) =>
      `The TLS certificate of ${host} has the fingerprint ${presented}, not ${expected}`,
    hint: () => "Do not go on before your gateway's operator has confirmed the fingerprint.",
  },
  fingerprint_required: {
    exitCode: UNSAFE,
    sentence: ({ host, presented }) =>
      presented
        ? `Nobody has trusted the TLS certificate of ${host} yet (fingerprint ${presented}), and there is no terminal to ask on`
        : `Nobody has trusted the TLS certificate of ${host} yet`,
    hint: (facts) =>
      facts['presented']
        ? `Compare it with the fingerprint that your gateway's operator publishes; if it is the same: ${loginWith(facts)}`
        : `Sign in with the fingerprint that your gateway's operator publishes: ${loginWith(facts)}`,
  },
  unsafe_file_mode: {
    exitCode: UNSAFE,
    sentence: ({ path, mode }) =>
      `Others on this machine have rights on ${path} (mode ${mode}); it will not be used`,
    hint: (facts) =>
      `If nobody can have seen or changed it: chmod go-rwx ${quoted(facts['path'])}. Otherwise delete it and sign in again: ${login(facts)}`,
  },
  credentials_unreadable: {
    exitCode: FAILED,
    sentence: ({ path, why }) => `${path} cannot be used: ${why}`,
    hint: (facts) => `Delete it and sign in again: ${login(facts)}`,
  },
  lock_held: {
    exitCode: FAILED,
    sentence: ({ path }) => `Another sallyport process is keeping ${path}`,
    hint: () => 'If no other one is running, delete that file.',
  },

  gateway_unreachable: {
    exitCode: FAILED,
    sentence: ({ gateway, reason }) => `Could not reach ${gateway ?? 'the gateway'}: ${inWords(reason)}`,
    hint: checkNetwork,
  },
  gateway_answer: {
    exitCode: FAILED,
    sentence: ({ why }) => `The gateway's answer was not understood: ${why ?? 'it is not one of a gateway'}`,
    hint: () => 'Check that the address is that of a gateway.',
  },
  gateway_refused: { exitCode: REFUSED, sentence: quotes('The gateway refused') },
  forbidden: { exitCode: REFUSED, sentence: quotes('The gateway does not permit this') },
  address_denied: {
    exitCode: REFUSED,
    sentence: quotes("The gateway does not accept this machine's address"),
  },
  model_not_allowed: { exitCode: REFUSED, sentence: quotes('This model is not allowed for you') },
  model_unknown: { exitCode: REFUSED, sentence: quotes('The gateway does not know this model') },
  unauthenticated: { exitCode: NOT_SIGNED_IN, sentence: quotes('The session is over'), hint: signIn },
  rate_limited: { exitCode: FAILED, sentence: quotes('Too many requests'), hint: again },
  overloaded: { exitCode: FAILED, sentence: quotes('The model is overloaded'), hint: again },
  temporarily_unavailable: {
    exitCode: FAILED,
    sentence: quotes('The gateway cannot sign anybody in or renew sessions right now; you stay signed in'),
    hint: again,
  },
  upstreams_failed: { exitCode: FAILED, sentence: quotes('The gateway could not get an answer') },
  upstream_credentials: { exitCode: FAILED, sentence: quotes("The gateway's access to the model failed") },
  upstream_refused: { exitCode: FAILED, sentence: quotes('The model refused the request') },
  request_too_large: { exitCode: FAILED, sentence: quotes('The message is too large') },
  store_unavailable: {
    exitCode: FAILED,
    sentence: quotes("The gateway's store does not answer"),
    hint: again,
  },
  audit_unavailable: {
    exitCode: FAILED,
    sentence: quotes('The gateway cannot record requests at the moment'),
    hint: again,
  },
  client_left: { exitCode: FAILED, sentence: says('The connection was closed') },
  internal: { exitCode: FAILED, sentence: quotes('Something unexpected went wrong in the gateway') },

  bad_request: { exitCode: FAILED, sentence: quotes('The request was not understood') },
  body_not_object: { exitCode: FAILED, sentence: quotes('The request body must be a JSON object') },
  body_repeated_key: { exitCode: FAILED, sentence: quotes('The request body repeats a key') },
  model_required: { exitCode: FAILED, sentence: quotes('The request names no model') },
  model_not_string: { exitCode: FAILED, sentence: quotes('The model must be a string') },
  not_found: { exitCode: FAILED, sentence: quotes('Not found') },
  method_not_allowed: { exitCode: FAILED, sentence: quotes('The method is not allowed') },
  request_timeout: { exitCode: FAILED, sentence: quotes('The request took too long') },
  unsupported_encoding: { exitCode: FAILED, sentence: quotes('The encoding is not supported') },
  unsupported_media_type: { exitCode: FAILED, sentence: quotes('The content type is not supported') },
  uri_too_long: { exitCode: FAILED, sentence: quotes('The address is too long') },
  headers_too_large: { exitCode: FAILED, sentence: quotes('The headers are too large') },
  not_supported: { exitCode: FAILED, sentence: quotes('This is not supported') },

  invalid_request: { exitCode: FAILED, sentence: quotes('The request was not understood') },
  invalid_grant: { exitCode: NOT_SIGNED_IN, sentence: () => 'The session is over', hint: signIn },
  unsupported_grant_type: { exitCode: FAILED, sentence: quotes('The grant type is not supported') },
  authorization_pending: { exitCode: NOT_SIGNED_IN, sentence: () => 'The sign-in is not completed yet' },
  slow_down: { exitCode: FAILED, sentence: () => 'The gateway asks to slow down', hint: again },
  access_denied: { exitCode: NOT_SIGNED_IN, sentence: () => 'The sign-in was denied', hint: signIn },
  expired_token: { exitCode: NOT_SIGNED_IN, sentence: () => 'The code has expired', hint: signIn },
  csrf_rejected: { exitCode: FAILED, sentence: says('The request came from another site') },
  link_expired: { exitCode: NOT_SIGNED_IN, sentence: () => 'The sign-in link has expired', hint: signIn },
  sign_in_refused: { exitCode: NOT_SIGNED_IN, sentence: () => 'The sign-in could not be completed' },

  config_invalid: { exitCode: USAGE, sentence: says('The configuration has problems') },
  config_unreadable: {
    exitCode: USAGE,
    sentence: (_facts, detail) =>
      `${detail ?? 'The configuration cannot be read'}; check the path, and that this user may read it`,
  },
  config_not_writable: { exitCode: FAILED, sentence: says('The configuration cannot be written') },
  rotation_too_early: {
    exitCode: FAILED,
    sentence: says('It is too early to finish the rotation'),
    hint: () => 'Add --force to remove the old secrets all the same: sessions that rest on them end.',
  },
  store_unreachable: { exitCode: FAILED, sentence: says('The store cannot be reached') },
  store_locked: { exitCode: FAILED, sentence: says('Another process uses the store') },
  store_permission: { exitCode: FAILED, sentence: says('The store refuses what the gateway needs') },
  store_unsupported: { exitCode: FAILED, sentence: says('The store is not supported') },
  idp_unreachable: { exitCode: FAILED, sentence: says('The identity provider cannot be reached') },
  idp_misconfigured: { exitCode: USAGE, sentence: says('The identity provider is not configured correctly') },
  idp_answer: { exitCode: FAILED, sentence: says("The identity provider's answer was not understood") },
  address_in_use: { exitCode: FAILED, sentence: says('The address is in use') },
  address_refused: { exitCode: UNSAFE, sentence: says('This address is refused') },
};

/** Whether the host that a failure is about, or else its gateway, is this machine. */
function isThisMachine({ host, gateway }: Facts): boolean {
  const name = host ?? URL.parse(String(gateway))?.hostname;
  return name !== undefined && isLoopbackName(bareHostname(String(name)));
}

/** As a shell takes it literally. */
function quoted(path: string | number | undefined): string {
  return `'${String(path).replaceAll("'", "'\\''")}'`;
}

function outsideInternalNetwork({ host, block, reason, ip }: Facts): string {
  switch (reason) {
    case 'proxied':
      return `${host} is on the declared network ${block}, which needs a direct connection, not one through an HTTP proxy`;
    case 'another_address':
      return `Every address of gateway host ${host} must be inside its declared network ${block}, and it also resolves to ${ip}`;
    default:
      return `${host} is used only from inside its declared network ${block}, and this machine connects from ${ip}, outside it`;
  }
}

function inWords(reason: string | number | undefined): string {
  const key = String(reason ?? 'unknown');
  return reasons[key] ?? key;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing accepts connections there (ECONNREFUSED)',
  ETIMEDOUT: 'no answer in time (ETIMEDOUT)',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
  UND_ERR_SOCKET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to that network (ENETUNREACH)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  EPROTO: 'it does not speak TLS as expected',
  unknown: 'the connection failed',
};
