import type { LogLevel } from '../kernel/log.ts';

/** What the gateway takes from environment variables, besides the values that `gateway.yaml` expands. */
export interface Environment {
  readonly logLevel: LogLevel;
  /** `CLAUDE_GATEWAY_ALLOW_LOOPBACK=1`: configured addresses may be on loopback. */
  readonly allowsLoopback: boolean;
  readonly proxies: {
    readonly httpsProxy: string | undefined;
    readonly httpProxy: string | undefined;
    readonly noProxy: string | undefined;
  };
  /** `CLAUDE_GATEWAY_PROXY_IS_EGRESS_BOUNDARY=1`, when everything it needs is so. */
  readonly proxyIsEgressBoundary: boolean;
  /** `CLAUDE_GATEWAY_DRAIN_TIMEOUT_MS`, in place of `shutdown.grace_seconds`. */
  readonly drainTimeoutMs: number | undefined;
  /** What the vendor's libraries would read, for the calls that the gateway makes itself. */
  readonly aws: AwsEnvironment;
  /** Values that were ignored, one sentence each. */
  readonly warnings: readonly string[];
}

export interface AwsEnvironment {
  /** `AWS_ENDPOINT_URL_STS`: where STS is. */
  readonly stsUrl: string | undefined;
  /** `AWS_USE_FIPS_ENDPOINT` */
  readonly usesFips: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Reads the variables once. What cannot be used is ignored and named in `warnings`. */
export function readEnvironment(env: Variables): Environment {
  const warnings: string[] = [];
  const allowsLoopback = env['CLAUDE_GATEWAY_ALLOW_LOOPBACK'] === '1';
  const proxies = {
    httpsProxy: either(env, 'https_proxy', 'HTTPS_PROXY'),
    httpProxy: either(env, 'http_proxy', 'HTTP_PROXY'),
    noProxy: either(env, 'no_proxy', 'NO_PROXY'),
  };
  return {
    logLevel: logLevelOf(env['CLAUDE_GATEWAY_LOG_LEVEL'], warnings),
    allowsLoopback,
    proxies,
    proxyIsEgressBoundary: isEgressBoundary(env, proxies, allowsLoopback, warnings),
    drainTimeoutMs: drainTimeoutOf(env['CLAUDE_GATEWAY_DRAIN_TIMEOUT_MS'], warnings),
    aws: {
      stsUrl: stsUrlOf(env['AWS_ENDPOINT_URL_STS'], warnings),
      usesFips: env['AWS_USE_FIPS_ENDPOINT']?.toLowerCase() === 'true',
    },
    warnings,
  };
}

function stsUrlOf(text: string | undefined, warnings: string[]): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
  warnings.push("AWS_ENDPOINT_URL_STS is no https:// URL; the region's own endpoint of STS is used");
  return undefined;
}

function either(env: Variables, lower: string, upper: string): string | undefined {
  return env[lower] || env[upper] || undefined;
}

function logLevelOf(text: string | undefined, warnings: string[]): LogLevel {
  const level = LEVELS.find((known) => known === text?.toLowerCase());
  if (text && !level) {
    warnings.push(`CLAUDE_GATEWAY_LOG_LEVEL is none of ${LEVELS.join(', ')}; info is used`);
  }
  return level ?? 'info';
}

function drainTimeoutOf(text: string | undefined, warnings: string[]): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  warnings.push(
    'CLAUDE_GATEWAY_DRAIN_TIMEOUT_MS is no positive whole number of milliseconds; shutdown.grace_seconds is used',
  );
  return undefined;
}

function isEgressBoundary(
  env: Variables,
  { httpsProxy, httpProxy, noProxy }: Environment['proxies'],
  allowsLoopback: boolean,
  warnings: string[],
): boolean {
  if (env['CLAUDE_GATEWAY_PROXY_IS_EGRESS_BOUNDARY'] !== '1') return false;
  const culprits = [
    ...(httpsProxy || httpProxy ? [] : ['neither HTTPS_PROXY nor HTTP_PROXY is set']),
    ...(noProxy ? ['NO_PROXY is set'] : []),
    ...(allowsLoopback ? ['CLAUDE_GATEWAY_ALLOW_LOOPBACK is on'] : []),
  ];
  if (culprits.length === 0) return true;
  warnings.push(
    `CLAUDE_GATEWAY_PROXY_IS_EGRESS_BOUNDARY has no effect: ${culprits.join('; ')}. Names are resolved and judged here`,
  );
  return false;
}
