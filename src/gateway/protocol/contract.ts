import {
  DEVICE_CODE_GRANT,
  OTLP_PATHS,
  PROTOCOL_VERSION,
  paths,
  REFRESH_TOKEN_GRANT,
} from '../../kernel/protocol.ts';
import { ENDPOINT_RULES, type Endpoint, endpointTable } from './endpoints.ts';
import { oauthErrorTable, requestErrorTable } from './error-rows.ts';
import type { HeaderRules, Limits, ProtocolFacts, StripFact } from './facts.ts';
import { code, table } from './markdown.ts';

/** All of the page but for what has been learnt, with which it ends. Sections of what is not served are left out. */
export function contract(facts: ProtocolFacts, endpoints: readonly Endpoint[]): string {
  const serves = (path: string) => endpoints.some((endpoint) => endpoint.path === path);
  const sections = [
    introduction(facts),
    switches(facts, serves),
    `## Endpoints\n\n${endpointTable(endpoints)}\n\n${ENDPOINT_RULES}`,
    signingIn(facts),
    inference(facts, serves),
    limits(facts.limits),
    ...(serves(paths.managedSettings) ? [managedSettings()] : []),
    ...(serves(paths.desktopBootstrap) ? [desktop(facts)] : []),
    ...(serves(OTLP_PATHS.metrics) ? [telemetry(facts)] : []),
    errors(),
    refusals(facts.strip),
  ];
  return `${sections.join('\n\n')}\n`;
}

function introduction({ version, publicUrl, isPractice }: ProtocolFacts): string {
  const practice = isPractice ? '\n\n**This is a practice gateway. Nothing here is real.**' : '';
  return `# The protocol of this gateway

Sallyport ${version}, gateway protocol version ${PROTOCOL_VERSION}, at ${code(publicUrl)}. This page is made by the running gateway from the tables and the
configuration that it works by.${practice}`;
}

type Switch = readonly [part: string, isOn: boolean, on: string, off: string];

function switches(facts: ProtocolFacts, serves: (path: string) => boolean): string {
  const told = switchesOf(facts, serves).map(([part, isOn, on, off]) => [
    part,
    isOn ? 'on' : 'off',
    isOn ? on : off,
  ]);
  return `## What is switched on\n\n${table(['part', 'here', 'so'], told)}`;
}

function switchesOf(facts: ProtocolFacts, serves: (path: string) => boolean): readonly Switch[] {
  const { relayedSignals, strip } = facts;
  const isRelaying = serves(OTLP_PATHS.metrics) && relayedSignals.length > 0;
  return [
    [
      'managed settings',
      serves(paths.managedSettings) && (facts.hasPolicies || isRelaying),
      `policies and what the gateway pushes itself decide what ${code(paths.managedSettings)} answers`,
      'there is no policy, and nothing to push',
    ],
    [
      'Claude Desktop',
      serves(paths.desktopBootstrap) && facts.hasDesktop,
      'some policies have an overlay',
      'no policy has an overlay',
    ],
    [
      'telemetry forwarding',
      isRelaying,
      `destinations take ${relayedSignals.join(', ')}`,
      'telemetry goes nowhere from here',
    ],
    ['spending caps', serves(paths.usage), 'developers with a cap see how full it is', 'nothing is metered'],
    [
      'unknown models',
      facts.forwardsUnknownModels,
      'forwarded to upstreams in Anthropic format',
      'refused: they must be in the catalog',
    ],
    [
      'learning refusals',
      strip.some(({ rule }) => rule === 'auto'),
      'what an upstream refuses and a request can be spared is left out there for 24 hours',
      'requests go out as they come, but for what is listed below',
    ],
  ];
}

function signingIn({ publicUrl, accessTtlSeconds, refreshTtlSeconds }: ProtocolFacts): string {
  return `## Signing in

1. \`GET ${paths.discovery}\` names the endpoints, all at ${code(publicUrl)}. There is no \`authorization_endpoint\`.
2. \`POST ${paths.deviceAuthorization}\` (form; \`surface\` names the program, nothing is required) answers \`device_code\`,
   \`user_code\` (\`XXXX-XXXX\`), \`verification_uri\`, \`verification_uri_complete\`, \`expires_in\`, \`interval\` and, where the operator has
   set one, \`login_notice\` (plain text, at most 500 characters).
3. The developer opens the link, compares the code, confirms, and signs in with the identity provider.
4. \`POST ${paths.token}\` (form) with \`grant_type=${DEVICE_CODE_GRANT}\` and \`device_code\`, every \`interval\` seconds, until it
   answers 200 or an error other than \`authorization_pending\` and \`slow_down\` (which adds 5 seconds to the interval). A code is good once.

Both grants answer \`access_token\`, \`token_type: "Bearer"\`, \`expires_in\` (${accessTtlSeconds} here), \`refresh_token\` where the identity provider
gives one, and \`email\` where it is known.

\`grant_type=${REFRESH_TOKEN_GRANT}\` with \`refresh_token\` answers the same with a new refresh token; a refresh token ends after
${refreshTtlSeconds} seconds. \`401 invalid_grant\` means that the session is over: sign in again. \`503 temporarily_unavailable\` means that the identity
provider cannot be asked: keep the session and ask again after \`Retry-After\`. Too many sign-ins are \`429 slow_down\` with \`Retry-After\`.

\`POST ${paths.revocation}\` (form, \`token\`) ends the session that an access or refresh token belongs to, for all its tokens, and answers
200 also for tokens it does not know. None of these endpoints takes or needs client credentials, and none redirects elsewhere.`;
}

function inference(
  { headers, forwardsUnknownModels }: ProtocolFacts,
  serves: (path: string) => boolean,
): string {
  const unknown = forwardsUnknownModels
    ? 'A model that is in no catalog goes as it is to upstreams in Anthropic format, where policies allow it.'
    : 'A model that is in no catalog is refused.';
  const usage = serves(paths.usage)
    ? ''
    : '\n- Nothing is metered here: no answer has `anthropic-ratelimit-*` headers.';
  return `## Inference

- Matched on the path; the query goes along. The body is one JSON object with a string \`model\`; keys and model are compared after JSON
  unescaping, and none of the keys that the gateway reads may be repeated.
- A trailing \`[1m]\` on the model is removed. ${unknown}
- \`tags\` and their beta stay here. \`safeguards\` and its beta go along, or the refusal names \`safeguards\`.
- Every other field goes to the upstream as it came, but for what is left out below.
- Upstreams are tried in order; the answer says nothing of those that failed. The upstream's own id for it is in \`x-upstream-request-id\`.
- Streams are not buffered. Where an upstream sends no pings, the gateway sends \`event: ping\` after 15 seconds of silence.
- A stream that breaks ends with \`event: error\` where an event has just ended, and an aborted connection: never like a complete one.
- A client that leaves ends the request at the upstream.${usage}

${headerRules(headers)}`;
}

function headerRules({ passed, passedPrefixes, withheld, returned }: HeaderRules): string {
  const names = (list: readonly string[]) => list.map(code).join(', ');
  const prefixes = passedPrefixes.map((prefix) => code(`${prefix}*`)).join(', ');
  return `Sent to upstreams: ${names(passed)}, ${prefixes}; not ${names(withheld)}, nor any header that the upstream's own protocol sets. Credentials,
cookies, \`x-forwarded-*\` and hop-by-hop headers stay here.

Returned: ${names(returned)}, \`request-id\` (the gateway's) and \`x-upstream-request-id\`. The upstream's rate-limit headers, organisation and
cookies stay here.`;
}

function limits({
  bodyBytes,
  headBytes,
  urlLength,
  concurrent,
  requestsPerMinute,
  upstreamSilenceMs,
}: Limits): string {
  const rows = [
    ['request body, as sent and as inflated', `${bodyBytes} bytes`, '413'],
    ['request line and headers', `${headBytes} bytes`, '431'],
    ...(urlLength === undefined ? [] : [['path with query', `${urlLength} characters`, '414']]),
    ...(concurrent === undefined
      ? []
      : [['open inference requests of one developer', String(concurrent), '429']]),
    ...(requestsPerMinute === undefined
      ? []
      : [['inference requests of one developer in a minute', String(requestsPerMinute), '429']]),
    ['silence of an upstream between bytes', `${upstreamSilenceMs} ms`, '502, or a broken stream'],
  ];
  return `## Limits

${table(['what', 'at most', 'else'], rows)}

Bodies may be sent with \`content-encoding\` gzip, br or zstd, and with a length or chunked. \`413\` comes in place of \`100 Continue\`.`;
}

function managedSettings(): string {
  return `## Managed settings

\`GET ${paths.managedSettings}\` answers \`{"uuid","checksum","settings"}\` for the developer's policy, with \`ETag: "<checksum>"\`,
\`Cache-Control: private, no-cache\` and \`x-cc-gateway-version\`. The checksum is \`sha256:\` and the hex SHA-256 of \`settings\` as JSON with the keys of
every object sorted (those that look like integers first, in numeric order) and without white space. \`If-None-Match\` with that tag, also weak
or in a list, is answered 304; \`*\` counts as absent. No policy matches and nothing is pushed: 404. A policy that sets nothing: 200 with
\`"settings":{}\`.`;
}

function desktop({ hasDesktop }: ProtocolFacts): string {
  const here = hasDesktop
    ? 'It is served to developers whose policy has an overlay, and is 404 for all others.'
    : 'No policy here has an overlay: it is 404 for everybody.';
  return `## Claude Desktop

\`GET ${paths.desktopBootstrap}\` is a flat JSON document: the inference connection, the models of the allow-list, and what the policy sets,
with \`expiresAt\`, \`ETag\` and 304. ${here}`;
}

function telemetry({ relayedSignals, limits: { telemetryBytes } }: ProtocolFacts): string {
  const here =
    relayedSignals.length > 0
      ? `Destinations here take: ${relayedSignals.join(', ')}. Clients get the matching \`OTEL_*\` variables in their managed settings.`
      : 'No destination is configured here: what comes is dropped.';
  return `## Telemetry

OTLP over HTTP, protobuf or JSON, at most ${telemetryBytes} bytes as sent. Bodies are relayed byte for byte; the client gets 200 with an empty
export response at once, whether or not anything is forwarded. ${here}`;
}

function errors(): string {
  return `## Errors

A part in angle brackets stands for what the request was about; some endpoints say more precisely what was wrong in the same place.
\`x-should-retry: false\` and \`retry-after\` mean what they say.

An upstream's refusal of a request keeps its status. One of the Anthropic API is passed on as it is. One of a cloud keeps its message on 400 and
413 where it comes in the envelope below; any other is told without what could name an account, in words that clients recover from: \`Input is too long.\`, \`capability_rejected: prompt_too_long\`,
\`\`Unexpected value(s) \`<beta>\` for the \`anthropic-beta\` header\`\`, \`<field>: Extra inputs are not permitted\`, else
a fixed sentence for the status.

### Messages

\`{"type":"error","error":{"type","message"},"request_id"}\`

${requestErrorTable()}

### OAuth

\`{"error","error_description"}\`

${oauthErrorTable()}

A refresh that is refused because the session is over answers \`invalid_grant\` with 401. What the first table lists can happen here too, in this
envelope: as \`temporarily_unavailable\` for 503, \`server_error\` for the other 5xx, \`invalid_request\` for the rest.`;
}

function refusals(strip: readonly StripFact[]): string {
  const said = ({ rule }: StripFact) => {
    if (rule === false) return 'nothing';
    return rule === 'auto'
      ? 'what it is found to refuse and a request can be spared'
      : rule.map(code).join(', ');
  };
  return `## What is left out for upstreams

${table(
  ['upstream', 'left out'],
  strip.map((fact) => [code(fact.upstream), said(fact)]),
)}`;
}
