import type { Clock } from '../../kernel/clock.ts';
import type { Accepted, Answer, Relayed, Reply } from '../exchange.ts';
import { relayStream } from './stream.ts';
import { relayWhole } from './whole.ts';

export interface RelayOptions {
  /** How long a streamed answer's headers wait for its first byte. */
  readonly headersHeldMs?: number;
  /** Silence after which an upstream that sends no pings is helped out. */
  readonly pingAfterMs?: number;
}

/** `onBegun` is called when the first byte of the body goes out, after which no other upstream can serve. */
export type Relay = (
  answer: Answer,
  request: Accepted,
  reply: Reply,
  onBegun?: () => void,
) => Promise<Relayed>;

/**
 * Passes an answer's bytes to the client, unchanged and as fast as the client takes them. Resolves when the answer has
 * ended in whichever way; never rejects. While `hasSentBody` is false nothing is lost: another upstream can serve.
 */
export function createRelay(
  clock: Clock,
  { headersHeldMs = 1_000, pingAfterMs = 15_000 }: RelayOptions = {},
): Relay {
  return (answer, request, reply, onBegun) =>
    answer.isEventStream
      ? relayStream(answer, request, reply, { clock, headersHeldMs, pingAfterMs, onBegun })
      : relayWhole(answer, request, reply, clock);
}
