import type { GuardedFetch } from '../../../../src/gateway/exchange.ts';
import { createOutbound } from '../../../../src/gateway/outbound/outbound.ts';
import type { ProxyVariables } from '../../../../src/gateway/outbound/proxy-settings.ts';
import type { OtlpBody } from '../../../../src/gateway/telemetry/otlp/otlp-body.ts';
import {
  createTelemetryRelay,
  type RelayDestination,
  type TelemetryRelay,
} from '../../../../src/gateway/telemetry/otlp/relay.ts';
import type { RelayFigures } from '../../../../src/gateway/telemetry/relay-figures.ts';
import type { OtlpSignal } from '../../../../src/kernel/protocol.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryLog, type MemoryLog } from '../../../support/memory-log.ts';
import { exportRequest, MEDIA_TYPES, type OtlpFormat } from '../../../support/otlp-payloads.ts';

export interface RelayWorld {
  readonly relay: TelemetryRelay;
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  /** `<destination> <signal> <result>`, in the order in which it was told. */
  readonly told: readonly string[];
  /** How many lines of `told` these are. */
  count(line: string): number;
  queuedBytes(destination: string): number;
  /** Resolves when every attempt that was begun has come to its end. */
  idle(): Promise<void>;
  /** Moves time on by steps of `ms`, each when everything begun has ended. */
  pass(steps: number, ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface RelayWorldOptions {
  readonly queueBytes?: number;
  readonly allowLoopback?: boolean;
  readonly proxies?: Partial<ProxyVariables>;
}

/** A relay that sends through the real outbound guard, by a clock of the test's. */
export function createRelayWorld(
  destinations: readonly (Partial<RelayDestination> & Pick<RelayDestination, 'url'>)[],
  { queueBytes = 64 * 1024 * 1024, allowLoopback = true, proxies = {} }: RelayWorldOptions = {},
): RelayWorld {
  const clock = createManualClock();
  const log = createMemoryLog();
  const outbound = createOutbound(
    {
      allowLoopback,
      allowedOrigins: [],
      proxyIsEgressBoundary: false,
      proxies: { httpsProxy: undefined, httpProxy: undefined, noProxy: undefined, ...proxies },
    },
    { log },
  );
  const told: string[] = [];
  const queued = new Map<string, number>();
  let begun = 0;
  let ended = 0;
  const waiting: (() => void)[] = [];
  const tell = (line: string, isAttempt: boolean): void => {
    told.push(line);
    if (isAttempt) ended += 1;
    for (const wake of waiting.splice(0)) wake();
  };
  const figures: RelayFigures = {
    ended: (name, signal, result) => tell(`${name} ${signal} ${result}`, result !== 'dropped'),
    failed: (name, signal) => tell(`${name} ${signal} failed`, true),
    queued: (name, bytes) => void queued.set(name, bytes),
  };
  const guarded = outbound.fetch({ useProxy: true });
  const fetch: GuardedFetch = (...args) => {
    begun += 1;
    return guarded(...args);
  };
  const relay = createTelemetryRelay(
    {
      destinations: destinations.map((destination, index) => ({
        name: `receiver-${index}`,
        headers: {},
        credential: undefined,
        signals: ['metrics', 'logs', 'traces'],
        ...destination,
      })),
      queueBytes,
    },
    { fetch, figures, log, clock, random: () => 0.5 },
  );
  const idle = async (): Promise<void> => {
    // What was just woken up begins first.
    await new Promise(setImmediate);
    while (ended < begun) await new Promise<void>((resolve) => waiting.push(resolve));
    await new Promise(setImmediate);
    if (ended < begun) return idle();
  };
  return {
    relay,
    clock,
    log,
    told,
    count: (line) => told.filter((other) => other === line).length,
    queuedBytes: (destination) => queued.get(destination) ?? 0,
    idle,
    async pass(steps, ms) {
      for (let step = 0; step < steps; step += 1) {
        await idle();
        clock.advance(ms);
      }
      await idle();
    },
    async close() {
      relay.close();
      await outbound.close();
    },
  };
}

export function otlpBody(
  signal: OtlpSignal = 'metrics',
  mark = 'a kumquat',
  format: OtlpFormat = 'protobuf',
): OtlpBody {
  const bytes = exportRequest(signal, format, mark);
  return { signal, mediaType: MEDIA_TYPES[format], isGzip: false, bytes };
}
