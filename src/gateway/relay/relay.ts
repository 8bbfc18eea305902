import type { Clock } from '../../kernel/clock.ts';
import type { Accepted, Answer, Relayed, RelayOutcome, Reply, Usage } from '../exchange.ts';
import { createEventReader, type EventReader } from './event-reader.ts';
import { NO_USAGE, usageOfMessage } from './usage.ts';

export interface RelayOptions {
  /** How long a streamed answer's headers wait for its first byte. */
  readonly headersHeldMs?: number;
  /** Silence after which an upstream that sends no pings is helped out. */
  readonly pingAfterMs?: number;
}

export type Relay = (answer: Answer, request: Accepted, reply: Reply) => Promise<Relayed>;

/** Answers up to this size are kept until their end to read the usage; longer ones pass unmetered. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
const PING = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n');
const BROKEN = Buffer.from(
  'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"the upstream broke off in the middle of its answer"}}\n\n',
);

/**
 * Passes an answer's bytes to the client in the chunks they came in, as fast as the client takes them. Resolves when the
 * answer has ended in whichever way; never rejects.
 */
export function createRelay(
  clock: Clock,
  { headersHeldMs = 1_000, pingAfterMs = 15_000 }: RelayOptions = {},
): Relay {
  return (answer, request, reply) =>
    new Promise((resolve) => {
      const { source } = answer;
      const meter = answer.isEventStream ? streamMeter() : messageMeter();
      let firstByteAtMs: number | undefined;
      let isDone = false;

      const finish = (outcome: RelayOutcome): void => {
        if (isDone) return;
        isDone = true;
        clearTimeout(held);
        clearInterval(pinging);
        forgetGone();
        resolve({ outcome, hasSentBody: firstByteAtMs !== undefined, firstByteAtMs, usage: meter.usage() });
      };

      const startReply = (): void => {
        clearTimeout(held);
        if (!reply.isStarted) reply.start(answer.status, answer.headers);
      };

      /** Before the first body byte nothing is lost: the caller may ask another upstream. */
      const breakOff = (): void => {
        if (firstByteAtMs !== undefined) {
          if (meter.events?.isAtBoundary && !meter.events.hasErrorEvent) reply.write(BROKEN);
          reply.break();
        }
        finish('upstream_broke');
      };

      const held = answer.isEventStream ? setTimeout(startReply, headersHeldMs) : undefined;
      const pinging = answer.isEventStream && !answer.sendsPings ? setInterval(ping, pingAfterMs) : undefined;
      const forgetGone = request.onGone(() => {
        source.abort();
        finish('client_left');
      });

      function ping(): void {
        if (reply.isStarted && meter.events?.isAtBoundary) reply.write(PING);
      }

      source.flow({
        chunk(bytes) {
          if (isDone) return;
          if (firstByteAtMs === undefined) {
            firstByteAtMs = clock.monotonicMs();
            startReply();
          }
          pinging?.refresh();
          meter.read(bytes);
          if (!reply.write(bytes)) {
            source.pause();
            reply.onDrain(() => source.resume());
          }
        },
        end() {
          if (isDone) return;
          if (!meter.isWhole()) return breakOff();
          startReply();
          reply.end();
          finish(meter.events?.hasErrorEvent && !meter.events.isComplete ? 'upstream_broke' : 'complete');
        },
        fail() {
          if (!isDone) breakOff();
        },
      });
    });
}

interface Meter {
  read(bytes: Buffer): void;
  usage(): Usage;
  /** Whether an answer that ended cleanly is also complete. */
  isWhole(): boolean;
  readonly events: EventReader | undefined;
}

function streamMeter(): Meter {
  const events = createEventReader();
  return {
    events,
    read: events.read,
    usage: () => events.usage,
    isWhole: () => events.isComplete || events.hasErrorEvent,
  };
}

function messageMeter(): Meter {
  const kept: Buffer[] = [];
  let size = 0;
  return {
    events: undefined,
    read(bytes) {
      size += bytes.length;
      if (size <= MAX_KEPT_BYTES) kept.push(bytes);
    },
    usage() {
      if (size > MAX_KEPT_BYTES) return NO_USAGE;
      const [only] = kept;
      return usageOfMessage(kept.length === 1 && only ? only : Buffer.concat(kept));
    },
    isWhole: () => true,
  };
}
