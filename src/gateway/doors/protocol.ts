import type { GatewayConfig } from '../../config/gateway-config.ts';
import { OTLP_SIGNALS } from '../../kernel/protocol.ts';
import { builtinModels } from '../catalog/builtin-models.ts';
import { createCatalog } from '../catalog/catalog.ts';
import { MAX_HEADER_BYTES } from '../http/server.ts';
import type { Limits, ProtocolFacts } from '../protocol/facts.ts';
import type { Learnt } from '../protocol/learnt.ts';
import { createProtocolPage, type ProtocolPage } from '../protocol/protocol-page.ts';
import { PASSED, PASSED_PREFIXES, WITHHELD } from '../upstream/request-headers.ts';
import { RETURNED } from '../upstream/response-headers.ts';
import type { Upstream } from '../upstream/target.ts';
import { memoryLimitBytes } from './memory-limit.ts';
import { bodyLimits, catalogOptions, identityOptions, type Program, policies } from './settings.ts';

export interface ProtocolGround {
  readonly publicUrl: string;
  readonly program: Program;
  /** How many processes share this machine's memory. */
  readonly processes: number | undefined;
  /** The same object until the configuration changes. */
  readonly inForce: () => GatewayConfig;
}

type TeachingUpstream = Pick<Upstream, 'name'> & { readonly provider: Pick<Upstream['provider'], 'learnt'> };

/** The page of the running gateway: its configuration in force, and what its upstreams have been found to refuse. */
export function openProtocolPage(
  { inForce, ...ground }: ProtocolGround,
  upstreams: readonly TeachingUpstream[],
): ProtocolPage {
  const facts = onceFor((config: GatewayConfig) => protocolFacts(config, ground));
  const namesFor = onceFor(clientNames);
  const learnt = onceFor((config: GatewayConfig, ...refusals: Refusals[]) =>
    toldOf(upstreams, refusals, namesFor(config)),
  );
  return createProtocolPage({
    facts: () => facts(inForce()),
    learnt: () => learnt(inForce(), ...upstreams.map(({ provider }) => provider.learnt?.() ?? NONE)),
  });
}

type Refusals = ReturnType<NonNullable<TeachingUpstream['provider']['learnt']>>;

const NONE: Refusals = [];

function protocolFacts(
  config: GatewayConfig,
  { publicUrl, program, processes }: Omit<ProtocolGround, 'inForce'>,
): ProtocolFacts {
  const { accessTtlSeconds, refreshTtlSeconds } = identityOptions(config, publicUrl, program);
  const documents = policies(config).map((policy) => policy.documents);
  const destinations = config.telemetry.forward_to;
  return {
    version: program.version,
    publicUrl,
    isPractice: program.isPractice,
    accessTtlSeconds,
    refreshTtlSeconds,
    limits: limitsOf(config, processes),
    forwardsUnknownModels: config.unknown_models === 'forward',
    hasPolicies: documents.length > 0,
    hasDesktop: documents.some(({ desktop }) => desktop !== undefined),
    relayedSignals: OTLP_SIGNALS.filter((signal) => destinations.some((destination) => destination[signal])),
    headers: {
      passed: [...PASSED],
      passedPrefixes: PASSED_PREFIXES,
      withheld: WITHHELD,
      returned: RETURNED,
    },
    strip: config.upstreams.map(({ name, strip }) => ({ upstream: name, rule: strip })),
  };
}

function limitsOf(config: GatewayConfig, processes: number | undefined): Limits {
  const { limits, timeouts } = config;
  return {
    bodyBytes: bodyLimits(config, memoryLimitBytes(), processes).maxBytes,
    headBytes: Math.min(limits.max_request_header_bytes ?? MAX_HEADER_BYTES, MAX_HEADER_BYTES),
    urlLength: limits.max_url_length,
    telemetryBytes: limits.max_telemetry_bytes,
    concurrent: limits.per_developer?.concurrent,
    requestsPerMinute: limits.per_developer?.requests_per_minute,
    upstreamSilenceMs: timeouts.upstream_idle_ms,
  };
}

type ClientNames = (upstreamName: string, upstreamModel: string) => string | undefined;

/** An upstream's name for a model may hold an account; a client's own is known to everybody who may use it. */
function clientNames(config: GatewayConfig): ClientNames {
  const models = createCatalog(catalogOptions(config), builtinModels()).list();
  return (upstreamName, upstreamModel) =>
    models.find(
      ({ upstreamId, spellings }) =>
        upstreamId(upstreamName) === upstreamModel || spellings.includes(upstreamModel.toLowerCase()),
    )?.id;
}

/** Sorted, and each once. */
function toldOf(
  upstreams: readonly TeachingUpstream[],
  refusals: readonly Refusals[],
  clientName: ClientNames,
): readonly Learnt[] {
  const told = upstreams.flatMap(({ name: upstream }, index) =>
    (refusals[index] ?? []).map(({ model, name }) => ({
      upstream,
      model: clientName(upstream, model),
      name,
    })),
  );
  const byText = new Map(
    told.map((fact) => [`${fact.upstream}\0${fact.model ?? '\uffff'}\0${fact.name}`, fact]),
  );
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, fact]) => fact);
}

/** Remembers the last answer, for as long as it is asked about the very same. */
function onceFor<Asked extends readonly unknown[], Answer>(
  work: (...asked: Asked) => Answer,
): (...asked: Asked) => Answer {
  let last: { readonly asked: Asked; readonly answer: Answer } | undefined;
  return (...asked) => {
    if (last?.asked.length === asked.length && last.asked.every((one, index) => one === asked[index]))
      return last.answer;
    last = { asked, answer: work(...asked) };
    return last.answer;
  };
}
