/** What the page says differently from one gateway to another. It is open to anybody: nothing secret, and no account, belongs here. */
export interface ProtocolFacts {
  readonly version: string;
  readonly publicUrl: string;
  readonly isPractice: boolean;
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  readonly limits: Limits;
  readonly forwardsUnknownModels: boolean;
  readonly hasPolicies: boolean;
  /** Some policy has an overlay for Claude Desktop. */
  readonly hasDesktop: boolean;
  /** Signals of OpenTelemetry that some destination takes. */
  readonly relayedSignals: readonly string[];
  readonly headers: HeaderRules;
  readonly strip: readonly StripFact[];
}

export interface Limits {
  readonly bodyBytes: number;
  readonly headBytes: number;
  readonly urlLength: number | undefined;
  readonly telemetryBytes: number;
  readonly concurrent: number | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly upstreamSilenceMs: number;
}

/** Which headers pass the gateway. */
export interface HeaderRules {
  readonly passed: readonly string[];
  readonly passedPrefixes: readonly string[];
  readonly withheld: readonly string[];
  readonly returned: readonly string[];
}

export interface StripFact {
  readonly upstream: string;
  readonly rule: 'auto' | false | readonly string[];
}
