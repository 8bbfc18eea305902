import type { Clock } from '../../kernel/clock.ts';
import type { Accepted, Answer, Relayed, RelayOutcome, Reply } from '../exchange.ts';
import { createArrivals } from './arrivals.ts';
import { brokenOffEvent } from './error-event.ts';
import { createEventReader, type EventReader } from './event-reader.ts';
import { createPacedWrites } from './paced-writes.ts';

export interface StreamOptions {
  readonly clock: Clock;
  readonly headersHeldMs: number;
  readonly pingAfterMs: number;
  readonly onBegun: (() => void) | undefined;
}

const PING = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n');

/**
 * Passes a streamed answer on. What arrives in one go leaves in one write, within the same turn of the event loop. Before
 * the first byte a broken upstream leaves the client untouched; after it the client gets an `error` event, where an event
 * may begin, and an abnormal end.
 */
export function relayStream(
  { source, status, headers, sendsPings }: Answer,
  request: Accepted,
  reply: Reply,
  { clock, headersHeldMs, pingAfterMs, onBegun }: StreamOptions,
): Promise<Relayed> {
  return new Promise((resolve) => {
    const events = createEventReader();
    const client = createPacedWrites(source, reply);
    let isOver = false;
    let firstByteAtMs: number | undefined;

    const startReply = (): void => {
      if (!reply.isStarted()) reply.start(status, headers);
    };

    const begin = (): void => {
      firstByteAtMs = clock.monotonicMs();
      clearTimeout(held);
      startReply();
      onBegun?.();
    };

    const arrivals = createArrivals((bytes) => {
      if (isOver) return;
      if (firstByteAtMs === undefined) begin();
      pinging?.refresh();
      events.read(bytes);
      client.write(bytes);
    });

    const ping = (): void => {
      if (reply.isStarted() && events.isAtBoundary() && !client.isHeldUp()) reply.write(PING);
    };

    const finish = (outcome: RelayOutcome, fault?: string, cause?: Error): void => {
      isOver = true;
      clearTimeout(held);
      clearInterval(pinging);
      forgetGone();
      const hasSentBody = firstByteAtMs !== undefined;
      resolve({ outcome, hasSentBody, firstByteAtMs, usage: events.usage(), fault, cause });
    };

    const leave = (): void => {
      if (isOver) return;
      finish('client_left');
      source.abort();
    };

    const end = (failure: Error | undefined): void => {
      arrivals.flush();
      if (isOver) return;
      const { isCutOff, fault } = endingOf(events, failure?.message);
      if (!isCutOff) reply.end();
      else if (firstByteAtMs !== undefined) breakOff(events, request, reply);
      finish(fault === undefined ? 'complete' : 'upstream_broke', fault, failure);
    };

    const held = setTimeout(startReply, headersHeldMs);
    const pinging = sendsPings ? undefined : setInterval(ping, pingAfterMs);
    const forgetGone = request.onGone(leave);
    if (reply.isOver()) return leave();

    source.flow({
      chunk: arrivals.add,
      end: () => end(undefined),
      fail: end,
    });
  });
}

interface Ending {
  /** Something is missing that the client has to be told of. */
  readonly isCutOff: boolean;
  /** Undefined when all is well. */
  readonly fault: string | undefined;
}

/** How a stream of which nothing more comes has ended. What fails after its last event is no loss. */
function endingOf(events: EventReader, failure: string | undefined): Ending {
  if (events.isComplete()) return { isCutOff: false, fault: undefined };
  if (events.hasErrorEvent() && failure === undefined)
    return { isCutOff: false, fault: 'it sent an error event' };
  return { isCutOff: true, fault: failure ?? 'it ended without message_stop' };
}

function breakOff(events: EventReader, { requestId }: Accepted, reply: Reply): void {
  if (events.isAtBoundary() && !events.hasErrorEvent()) reply.write(brokenOffEvent(requestId));
  reply.break();
}
