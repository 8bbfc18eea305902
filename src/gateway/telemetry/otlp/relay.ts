import type { Clock } from '../../../kernel/clock.ts';
import type { Log } from '../../../kernel/log.ts';
import type { OtlpSignal } from '../../../kernel/protocol.ts';
import type { GuardedFetch } from '../../exchange.ts';
import type { RelayFigures } from '../relay-figures.ts';
import { type Backlog, createBacklog } from './backlog.ts';
import { createDeliveryLog, type DeliveryLog } from './delivery-log.ts';
import { createForward, type Destination } from './forward.ts';
import { createLane, type Lane } from './lane.ts';
import type { OtlpBody } from './otlp-body.ts';

export interface RelayDestination extends Destination {
  /** What log and figures call it; no two are called the same. */
  readonly name: string;
  readonly signals: readonly OtlpSignal[];
}

export interface TelemetryRelayOptions {
  readonly destinations: readonly RelayDestination[];
  /** What may wait for one destination. */
  readonly queueBytes: number;
}

export interface TelemetryRelayParts {
  readonly fetch: GuardedFetch;
  readonly figures: RelayFigures | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** Hands clients' OTLP bodies on. */
export interface TelemetryRelay {
  /** Queues a body for every destination that takes its signal. Never throws, never waits. */
  take(body: OtlpBody): void;
  /** Resolves when all has been delivered, or cannot be, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>;
  /** Drops what is left, and says how much that was. */
  close(): void;
}

interface OpenDestination {
  readonly name: string;
  readonly backlog: Backlog;
  readonly lanes: ReadonlyMap<OtlpSignal, { readonly lane: Lane; add(body: OtlpBody): void }>;
  readonly deliveryLog: DeliveryLog;
}

/** Each destination has a queue of its own, and each of its signals its own pauses: none waits for another. */
export function createTelemetryRelay(
  { destinations, queueBytes }: TelemetryRelayOptions,
  parts: TelemetryRelayParts,
): TelemetryRelay {
  const { log } = parts;
  const open = destinations.map((destination) => openDestination(destination, queueBytes, parts));
  const allLanes = open.flatMap(({ lanes }) => [...lanes.values()].map(({ lane }) => lane));

  return {
    take(body) {
      for (const { lanes } of open) lanes.get(body.signal)?.add(body);
    },
    async drain(signal) {
      const waiting = open.reduce((sum, { backlog }) => sum + backlog.size, 0);
      if (waiting === 0) return;
      log.info(`stopping: ${bodies(waiting)} of telemetry on the way`);
      const isOver = Promise.withResolvers<void>();
      const end = (): void => isOver.resolve();
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      await Promise.race([isOver.promise, Promise.all(allLanes.map((lane) => lane.drain()))]);
      signal.removeEventListener('abort', end);
    },
    close() {
      for (const { name, backlog, deliveryLog } of open) {
        deliveryLog.close();
        const { size, heldBytes } = backlog;
        if (size > 0)
          log.warn(`telemetry to ${name}: ${bodies(size)} (${heldBytes} bytes) not delivered before the end`);
      }
      for (const lane of allLanes) lane.close();
    },
  };
}

function openDestination(
  { name, signals, ...destination }: RelayDestination,
  queueBytes: number,
  { fetch, figures, log, clock, random = Math.random }: TelemetryRelayParts,
): OpenDestination {
  const deliveryLog = createDeliveryLog(name, { log, clock });
  const backlog = createBacklog(queueBytes, (heldBytes) => figures?.queued(name, heldBytes));
  const forward = createForward(destination, { fetch, clock });

  const openLane = (signal: OtlpSignal) => {
    const lost = (result: 'refused' | 'expired' | 'dropped', { bytes }: OtlpBody, what: string): void => {
      figures?.ended(name, signal, result);
      deliveryLog.note(`of ${signal} ${what}`, bytes.length);
    };
    const line = backlog.openLine((body) => lost('dropped', body, 'dropped: telemetry.queue_bytes is full'));
    const lane = createLane({
      line,
      forward,
      clock,
      random,
      watch: {
        delivered: () => figures?.ended(name, signal, 'delivered'),
        refused: (body, status) => lost('refused', body, `refused with HTTP ${status}`),
        givenUp: (body, reason) => lost('expired', body, `given up after five minutes (${reason})`),
        attemptFailed(body, reason) {
          figures?.failed(name, signal);
          deliveryLog.note(`of ${signal} not taken, to be tried again (${reason})`, body.bytes.length);
        },
      },
    });
    const add = (body: OtlpBody): void => {
      line.add(body);
      lane.wake();
    };
    return [signal, { lane, add }] as const;
  };

  return { name, backlog, lanes: new Map(signals.map(openLane)), deliveryLog };
}

function bodies(count: number): string {
  return count === 1 ? '1 body' : `${count} bodies`;
}
