import type { Clock } from '../../kernel/clock.ts';
import type { Accepted, Answer, Relayed, RelayOutcome, Reply } from '../exchange.ts';
import { brokenOffEvent } from './error-event.ts';
import { createEventReader } from './event-reader.ts';

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
    let arrived: Buffer[] = [];
    let arrivedBytes = 0;
    let isPaused = false;
    let isOver = false;
    let firstByteAtMs: number | undefined;

    const finish = (outcome: RelayOutcome, fault?: string): void => {
      isOver = true;
      clearTimeout(held);
      clearInterval(pinging);
      forgetGone();
      const hasSentBody = firstByteAtMs !== undefined;
      resolve({ outcome, hasSentBody, firstByteAtMs, usage: events.usage(), fault });
    };

    const startReply = (): void => {
      if (!reply.isStarted()) reply.start(status, headers);
    };

    const leave = (): void => {
      if (isOver) return;
      finish('client_left');
      source.abort();
    };

    const flush = (): void => {
      if (isOver || arrivedBytes === 0) return;
      const bytes = joined(arrived, arrivedBytes);
      arrived = [];
      arrivedBytes = 0;
      if (firstByteAtMs === undefined) {
        firstByteAtMs = clock.monotonicMs();
        clearTimeout(held);
        startReply();
        onBegun?.();
      }
      pinging?.refresh();
      events.read(bytes);
      if (reply.write(bytes) || isPaused) return;
      isPaused = true;
      source.pause();
      reply.onDrain(() => {
        isPaused = false;
        source.resume();
      });
    };

    const breakOff = (fault: string): void => {
      if (firstByteAtMs !== undefined) {
        if (events.isAtBoundary() && !events.hasErrorEvent()) reply.write(brokenOffEvent(request.requestId));
        reply.break();
      }
      finish('upstream_broke', fault);
    };

    const end = (fault: string | undefined): void => {
      flush();
      if (isOver) return;
      if (!events.isComplete() && !(events.hasErrorEvent() && fault === undefined))
        return breakOff(fault ?? 'it ended without message_stop');
      reply.end();
      finish(
        events.isComplete() ? 'complete' : 'upstream_broke',
        events.isComplete() ? undefined : 'it sent an error event',
      );
    };

    const ping = (): void => {
      if (reply.isStarted() && events.isAtBoundary() && !isPaused) reply.write(PING);
    };

    const held = setTimeout(startReply, headersHeldMs);
    const pinging = sendsPings ? undefined : setInterval(ping, pingAfterMs);
    const forgetGone = request.onGone(leave);
    if (reply.isOver()) return leave();

    source.flow({
      chunk(bytes) {
        if (arrivedBytes === 0) process.nextTick(flush);
        arrived.push(bytes);
        arrivedBytes += bytes.length;
      },
      end: () => end(undefined),
      fail: (error) => end(error.message),
    });
  });
}

function joined(chunks: readonly Buffer[], size: number): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks, size);
}
