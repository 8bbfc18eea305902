import type { Clock } from '../kernel/clock.ts';
import { messagesError } from './errors.ts';
import type {
  Accepted,
  Audit,
  BodyRoom,
  Caller,
  Permit,
  Place,
  Relayed,
  Reply,
  ScannedBody,
} from './exchange.ts';
import { scanBody } from './http/body-scan.ts';
import { openInferenceRecord } from './inference-record.ts';
import type { Admit } from './limits/admission.ts';
import { errorEvent } from './relay/error-event.ts';
import type { Relay } from './relay/relay.ts';
import type { Endpoint } from './upstream/provider.ts';
import type { Send } from './upstream/upstreams.ts';

export interface InferenceParts {
  readonly admit: Admit;
  readonly readBody: (request: Accepted, room: BodyRoom) => Promise<Buffer>;
  readonly authorise: (caller: Caller, model: string) => Permit;
  readonly send: Send;
  readonly relay: Relay;
  readonly audit: Audit;
  /** What the audit trail shows of the settings checksum that a client reports. */
  readonly markSettings: (reported: string | undefined) => string | undefined;
  readonly clock: Clock;
}

export type Inference = (
  endpoint: Endpoint,
  request: Accepted,
  reply: Reply,
  caller: Caller,
) => Promise<void>;

/**
 * Serves `/v1/messages` and `/v1/messages/count_tokens`: the whole story, up to the last byte. Rejects with a CodedError
 * while the answer has not begun; every request, however it ends, is one `inference` audit event.
 */
export function createInference(parts: InferenceParts): Inference {
  const { admit, readBody, authorise, send, relay } = parts;

  return async (endpoint, request, reply, caller) => {
    const record = openInferenceRecord(endpoint, request, caller, parts);
    let place: Place | undefined;
    let forgetGone: () => void = () => undefined;
    try {
      place = admit(caller, request);
      const body = scanBody(await readBody(request, place.room));
      record.body = body;
      const permit = authorise(caller, body.model);
      record.permit = permit;

      const isStreamed = body.stream && endpoint === 'messages';
      const attempts = send({ permit, body, isStreamed }, endpoint, request);
      record.attempts = attempts;
      forgetGone = request.onGone(attempts.abort);
      if (reply.isOver()) attempts.abort();

      const onBegun = lettingGo(body, place.room);
      do {
        record.answer = await attempts.next();
        record.relayed = await relay(record.answer, request, reply, onBegun);
        const { fault, cause } = record.relayed;
        if (fault !== undefined) attempts.broke(fault, cause);
      } while (canStillBeServed(record.relayed));
    } catch (error) {
      record.failure = error;
      if (!reply.isStarted()) throw error;
      breakOff(error, request, reply);
    } finally {
      forgetGone();
      place?.leave();
      record.close();
    }
  };
}

/** Nothing of the body has reached the client yet: the next upstream can serve as if nothing had happened. */
function canStillBeServed({ outcome, hasSentBody }: Relayed): boolean {
  return outcome === 'upstream_broke' && !hasSentBody;
}

/** Once an answer has begun no other upstream can serve, and what was asked need not be kept. */
function lettingGo(body: ScannedBody, room: BodyRoom): () => void {
  return () => {
    body.drop();
    room.resize(0);
  };
}

/** The head of a streamed answer is out: an error that comes after it can only be an event. */
function breakOff(error: unknown, request: Accepted, reply: Reply): void {
  if (reply.isOver()) return;
  reply.write(errorEvent(messagesError(error, request.requestId).body));
  reply.break();
}
