import type { Environment } from '../../config/environment.ts';
import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { LoadedConfig } from '../../config/load.ts';
import { problemLine } from '../../config/problems.ts';
import { OTLP_SIGNALS } from '../../kernel/protocol.ts';
import { tiersOf } from '../upstream/tiers.ts';
import { upstreamOptions } from './settings.ts';
import { certificateLine, type TlsFiles } from './tls-files.ts';

/** What an operator reads between the migrations and the listening line. */
export const BANNER = [
  'A gateway that developers trust can push settings that run commands on their machines.',
  'Keep it on a private network, and its configuration in few hands.',
];

export const PRACTICE_BANNER = [
  'PRACTICE: this gateway signs in anybody as anybody. It listens on this machine only; nothing in it is real.',
];

/** One line per fact that an operator checks first. */
export function bootFacts(
  config: GatewayConfig,
  publicUrl: string,
  tls: TlsFiles | undefined,
  environment: Environment,
): readonly string[] {
  const { oidc, listen, upstreams, managed, access_control: access } = config;
  return [
    `public url: ${publicUrl}`,
    ...(tls ? [certificateLine(tls)] : []),
    `client addresses: ${
      listen.trusted_proxies.length > 0
        ? `X-Forwarded-For behind ${listen.trusted_proxies.join(', ')}, else the TCP peer`
        : 'the TCP peer (no listen.trusted_proxies)'
    }`,
    `allowed clients: ${access.allow_cidrs.length > 0 ? access.allow_cidrs.join(', ') : 'any address'}`,
    `issuer: ${oidc.issuer}`,
    `email domains: ${oidc.allowed_email_domains?.join(', ') ?? 'any'}`,
    `groups: ${oidc.allowed_groups?.join(', ') ?? 'any'} (from ${
      oidc.google_groups ? "Google's directory" : `the claim ${oidc.groups_claim}`
    })`,
    `upstreams: ${upstreamOrder(upstreams)}`,
    `upstream requests: ${upstreamBounds(upstreams)}`,
    `telemetry: ${telemetryLine(config.telemetry.forward_to)}`,
    `policies: ${managed.policies.length === 0 ? 'none; every developer may use every model' : managed.policies.length}`,
    'caps: off',
    ...(environment.proxyIsEgressBoundary
      ? ['network: names go to the HTTP proxy unresolved (CLAUDE_GATEWAY_PROXY_IS_EGRESS_BOUNDARY)']
      : []),
  ];
}

/** Those that share the load are named together, each with its weight. */
function upstreamOrder(upstreams: GatewayConfig['upstreams']): string {
  const entries = upstreams.map((entry, index) => ({ ...entry, ...upstreamOptions(entry, index) }));
  const nameOf = ({ name, provider, weight }: (typeof entries)[number], isShared: boolean): string =>
    `${name} (${provider}${isShared ? `, weight ${weight}` : ''})`;
  return tiersOf(entries)
    .map((tier) => tier.map((entry) => nameOf(entry, tier.length > 1)).join(' or '))
    .join(', then ');
}

/** Hosts only: a path may be as good as a key. */
function telemetryLine(destinations: GatewayConfig['telemetry']['forward_to']): string {
  const named = destinations.map((entry) => {
    const signals = OTLP_SIGNALS.filter((signal) => entry[signal]);
    return `${new URL(entry.url).host} (${signals.join(', ') || 'nothing'})`;
  });
  return named.join(', ') || 'taken and dropped (no telemetry.forward_to)';
}

/** How many requests may be under way, in each process. */
function upstreamBounds(upstreams: GatewayConfig['upstreams']): string {
  const bounded = upstreams.flatMap(({ name, max_connections: max }) =>
    max === undefined ? [] : [`at most ${max} at a time to ${name}`],
  );
  if (bounded.length === 0) return 'no bound';
  return [...bounded, ...(bounded.length < upstreams.length ? ['no bound to the others'] : [])].join(', ');
}

/** What boots but deserves a second look, in the file and around it. */
export function bootWarnings(
  { config, warnings, path }: Pick<LoadedConfig, 'config' | 'warnings' | 'path'>,
  environment: Environment,
): readonly string[] {
  const { httpsProxy, httpProxy } = environment.proxies;
  const isProxyIgnored = (httpsProxy ?? httpProxy) !== undefined && config.oidc.use_proxy === undefined;
  return [
    ...warnings.map((warning) => problemLine(warning, { name: path })),
    ...environment.warnings,
    ...(isProxyIgnored
      ? [
          'a proxy variable is set, but the identity provider is asked directly; oidc.use_proxy: true or false says which is meant',
        ]
      : []),
  ];
}
