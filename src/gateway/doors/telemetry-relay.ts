import type { GatewayConfig } from '../../config/gateway-config.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { OTLP_SIGNALS, type OtlpSignal } from '../../kernel/protocol.ts';
import type { ForwardedTelemetry, GuardedFetch } from '../exchange.ts';
import { createBodyReader } from '../http/body.ts';
import { createBodyBudget } from '../limits/body-budget.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { createTelemetryEndpoint, type TelemetryHandler } from '../telemetry/otlp/endpoint.ts';
import type { PassingCredential } from '../telemetry/otlp/forward.ts';
import { createTelemetryRelay, type RelayDestination } from '../telemetry/otlp/relay.ts';
import type { RelayFigures } from '../telemetry/relay-figures.ts';
import { createCredentialSource } from '../upstream/credential-source.ts';
import { loadGoogleCredential } from '../upstream/providers/vertex/google-credential.ts';
import type { Closing } from './closing.ts';

export interface TelemetryGround {
  readonly outbound: Outbound;
  readonly closing: Closing;
  readonly figures: RelayFigures | undefined;
  /** What inference bodies may hold in this process: telemetry gets a part of that besides. */
  readonly maxBufferedBytes: number;
  readonly log: Log;
  readonly clock: Clock;
}

/** The relay behind its endpoints. */
export interface TelemetryDoor {
  endpoint(signal: OtlpSignal): TelemetryHandler;
  /** Delivers what is queued, for `ms` at most; `hurry` ends the waiting. */
  drain(ms: number, hurry: AbortSignal): Promise<void>;
}

type DestinationConfig = GatewayConfig['telemetry']['forward_to'][number];

/** Telemetry bodies that are still arriving hold this many times the largest one. */
const BODIES_AT_ONCE = 16;
const PART_OF_BUFFERED = 4;

export function openTelemetryRelay(
  { telemetry, limits }: GatewayConfig,
  { outbound, closing, figures, maxBufferedBytes, log, clock }: TelemetryGround,
): TelemetryDoor {
  const fetch = outbound.fetch({ useProxy: true });
  const hosts = telemetry.forward_to.map(({ url }) => new URL(url).host);
  const relay = createTelemetryRelay(
    {
      destinations: telemetry.forward_to.map((entry, index) =>
        destinationOf(entry, nameAmong(hosts, index), { fetch, clock, log }),
      ),
      queueBytes: telemetry.queue_bytes,
    },
    { fetch, figures, log, clock },
  );
  closing.add(() => relay.close());
  const { max_telemetry_bytes: maxBytes } = limits;
  const intakeBytes = Math.min(BODIES_AT_ONCE * maxBytes, Math.floor(maxBufferedBytes / PART_OF_BUFFERED));
  const bodies = createBodyBudget({ maxBytes: Math.max(intakeBytes, maxBytes) }, clock);
  return {
    endpoint: createTelemetryEndpoint({
      readBody: createBodyReader({ maxBytes }),
      openRoom: bodies.open,
      take: relay.take,
    }),
    drain: (ms, hurry) => drainFor(ms, hurry, relay.drain, clock),
  };
}

/** For what clients are told; undefined where nothing is forwarded. */
export function forwardedTelemetry({
  telemetry,
}: Pick<GatewayConfig, 'telemetry'>): ForwardedTelemetry | undefined {
  const { forward_to: destinations, resource_attributes: resourceAttributes = {} } = telemetry;
  if (destinations.length === 0) return undefined;
  const isTaken = (signal: OtlpSignal) => destinations.some((entry) => entry[signal]);
  return {
    signals: { metrics: isTaken('metrics'), logs: isTaken('logs'), traces: isTaken('traces') },
    resourceAttributes,
  };
}

function destinationOf(
  { url, headers, auth, ...signals }: DestinationConfig,
  name: string,
  parts: { readonly fetch: GuardedFetch; readonly clock: Clock; readonly log: Log },
): RelayDestination {
  return {
    name,
    url: url.replace(/\/+$/, ''),
    headers,
    credential: auth?.google && googleCredential(name, parts),
    signals: OTLP_SIGNALS.filter((signal) => signals[signal]),
  };
}

/** The application default credentials. No project is part of a request: one that pays is named by the credential. */
function googleCredential(
  name: string,
  parts: { readonly fetch: GuardedFetch; readonly clock: Clock; readonly log: Log },
): PassingCredential {
  const load = () => loadGoogleCredential({ projectId: 'none', serviceAccountFile: undefined }, parts);
  return createCredentialSource({ name: `telemetry to ${name}`, load }, parts);
}

/** The host; where several destinations have the same one, with a number. */
function nameAmong(hosts: readonly string[], index: number): string {
  const host = hosts[index] ?? '';
  const isAlone = hosts.indexOf(host) === hosts.lastIndexOf(host);
  return isAlone ? host : `${host} #${index + 1}`;
}

async function drainFor(
  ms: number,
  hurry: AbortSignal,
  drain: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): Promise<void> {
  const isOver = new AbortController();
  const isLate = new AbortController();
  clock.sleep(ms, isOver.signal).then(
    () => isLate.abort(),
    // Drained in time.
    () => undefined,
  );
  await drain(AbortSignal.any([hurry, isLate.signal]));
  isOver.abort();
}
