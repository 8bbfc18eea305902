import { OTLP_PATHS, paths } from '../../kernel/protocol.ts';
import type { Route } from '../http/router.ts';
import { code, table } from './markdown.ts';

/** Who may ask: anybody, or a developer with a session. */
export type Guard = 'open' | 'session';

/** What the table of endpoints says of one. */
export type Endpoint = Pick<Route, 'method' | 'path' | 'envelope'> & { readonly guard: Guard };

const { models } = paths;
const { metrics, logs, traces } = OTLP_PATHS;

/** What each endpoint is for, by method and path. */
const purposes: Readonly<Record<string, string>> = {
  'GET /': 'a page that says what this is and how to sign in',
  'GET /healthz': 'whether the process can answer',
  'GET /readyz': 'whether to send requests here: the store answers and the gateway is not about to end',
  'HEAD /api/hello': 'empty: warms a connection up',
  [`GET ${paths.protocol}`]: 'the contract of the running gateway as Markdown, with `ETag`',
  [`GET ${paths.discovery}`]: 'authorization server metadata (RFC 8414)',
  [`POST ${paths.deviceAuthorization}`]: 'starts a sign-in (RFC 8628 section 3.1)',
  [`POST ${paths.token}`]: 'the device code grant and the refresh token grant',
  [`POST ${paths.revocation}`]: 'ends a session (RFC 7009)',
  [`GET ${paths.device}`]: 'where a developer enters the code',
  [`POST ${paths.device}`]: 'where a developer confirms or denies it',
  [`GET ${paths.callback}`]: 'where the identity provider sends the browser back to',
  [`POST ${paths.callback}`]: 'refuses an answer that was posted: it has to come as a query',
  [`POST ${paths.messages}`]: 'inference',
  [`POST ${paths.countTokens}`]: 'counts tokens',
  [`GET ${models}`]: 'the models this developer may use; `limit`, `after_id`, `before_id`',
  [`GET ${models}/:id`]: 'one of them, in any spelling',
  [`GET ${paths.managedSettings}`]: "the settings of this developer's Claude clients",
  [`GET ${paths.desktopBootstrap}`]: "the overlay of this developer's Claude Desktop",
  [`POST ${metrics}`]: 'OTLP/HTTP: metrics',
  [`POST ${logs}`]: 'OTLP/HTTP: logs',
  [`POST ${traces}`]: 'OTLP/HTTP: traces',
};

/** Every endpoint in the order of the gateway's own table. */
export function endpointTable(endpoints: readonly Endpoint[]): string {
  return table(
    ['method', 'path', 'who', 'errors', 'what'],
    endpoints.map(({ method, path, guard, envelope }) => [
      method,
      code(path.replace(/:(\w+)/g, '{$1}')),
      guard,
      envelope === 'page' ? 'a page' : envelope === 'oauth' ? 'OAuth' : 'Messages',
      purposes[`${method} ${path}`] ?? '',
    ]),
  );
}

/** What holds for all of them. */
export const ENDPOINT_RULES = `Paths are relative to the gateway's public URL. \`open\` endpoints ask for nothing; \`session\` ones for an access token of this gateway in
\`Authorization: Bearer\` or, where that is missing and but for telemetry, in \`x-api-key\`. \`HEAD\` works where \`GET\` does, unless that
changes something; a method that a path does not have is answered 405 with \`Allow\`.

Every answer has a \`request-id\` header, which the audit log repeats. JSON is \`no-store\` unless said otherwise. Parameters, fields and
headers that the gateway does not know are ignored or passed on, never refused.`;
