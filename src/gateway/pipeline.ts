import type { Clock } from '../kernel/clock.ts';
import { CodedError, isCodedError } from '../kernel/coded-error.ts';
import { messagesError } from './errors.ts';
import type {
  Accepted,
  Answer,
  Audit,
  AuditFields,
  Caller,
  Permit,
  Plan,
  Relayed,
  Reply,
  ScannedBody,
} from './exchange.ts';
import { scanBody } from './http/body-scan.ts';
import type { Relay } from './relay/relay.ts';
import type { Endpoint } from './upstream/provider.ts';
import type { Attempts } from './upstream/upstreams.ts';

export interface InferenceParts {
  readonly readBody: (request: Accepted) => Promise<Buffer>;
  readonly authorise: (caller: Caller, model: string) => Permit;
  readonly send: (plan: Plan, endpoint: Endpoint, request: Accepted) => Attempts;
  readonly relay: Relay;
  readonly audit: Audit;
  readonly clock: Clock;
}

export type Inference = (
  endpoint: Endpoint,
  request: Accepted,
  reply: Reply,
  caller: Caller,
) => Promise<void>;

/** What is known of a request so far; the audit event is made from it, however the request ends. */
interface Story {
  body?: ScannedBody;
  permit?: Permit;
  attempts?: Attempts;
  answer?: Answer;
  relayed?: Relayed;
}

/** Serves `/v1/messages` and `/v1/messages/count_tokens`: the whole story, up to the last byte. */
export function createInference(parts: InferenceParts): Inference {
  const { readBody, authorise, send, relay, audit, clock } = parts;

  return async (endpoint, request, reply, caller) => {
    const story: Story = {};
    let failure: unknown;
    try {
      const body = scanBody(await readBody(request));
      story.body = body;
      const permit = authorise(caller, body.model);
      story.permit = permit;
      const attempts = send(
        { permit, body, isStreamed: body.stream && endpoint === 'messages' },
        endpoint,
        request,
      );
      story.attempts = attempts;
      const forgetGone = request.onGone(attempts.abort);
      do {
        story.answer = await attempts.next();
        story.relayed = await relay(story.answer, request, reply);
      } while (isWorthAnotherUpstream(story.relayed));
      forgetGone();
    } catch (error) {
      failure = error;
      if (!reply.isStarted) throw error;
      // The head is out already: an error that comes after it can only be an event.
      sendErrorEvent(error, request, reply);
    } finally {
      audit(
        'inference',
        request.requestId,
        inferenceFields(endpoint, request, caller, story, failure, clock),
      );
    }
  };
}

/** Nothing of the body has reached the client yet: the next upstream can still serve as if nothing had happened. */
function isWorthAnotherUpstream({ outcome, hasSentBody }: Relayed): boolean {
  return outcome === 'upstream_broke' && !hasSentBody;
}

function sendErrorEvent(error: unknown, request: Accepted, reply: Reply): void {
  if (reply.isOver) return;
  const { body } = messagesError(error, request.requestId);
  reply.write(Buffer.from(`event: error\ndata: ${JSON.stringify(body)}\n\n`));
  reply.break();
}

function inferenceFields(
  endpoint: Endpoint,
  request: Accepted,
  caller: Caller,
  { body, permit, attempts, answer, relayed }: Story,
  failure: unknown,
  clock: Clock,
): AuditFields {
  const since = (ms: number) => Math.round(ms - request.receivedAtMs);
  const usage = relayed?.usage;
  return {
    sub: caller.sub,
    email: caller.email,
    client_ip: request.clientIp,
    session_id: header(request, 'x-claude-code-session-id'),
    endpoint,
    model: permit?.requestedModel ?? body?.model.slice(0, 200),
    upstream: answer?.upstreamName,
    upstream_model: answer?.upstreamModel,
    attempts: attempts?.tried ?? 0,
    status: failure === undefined ? answer?.status : messagesError(failure, request.requestId).status,
    stream: body?.stream,
    outcome: outcomeOf(answer, relayed, failure),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    cache_read_tokens: usage?.cacheReadTokens,
    cache_write_tokens: usage?.cacheWriteTokens,
    request_class: header(request, 'x-claude-code-request-class'),
    agent_type: header(request, 'x-claude-code-agent-type'),
    ttfb_ms: relayed?.firstByteAtMs === undefined ? undefined : since(relayed.firstByteAtMs),
    duration_ms: since(clock.monotonicMs()),
    upstream_request_id: answer?.upstreamRequestId,
  };
}

function outcomeOf(answer: Answer | undefined, relayed: Relayed | undefined, failure: unknown): string {
  if (isCodedError(failure, 'client_left')) return 'client_left';
  if (failure !== undefined) return failure instanceof CodedError && !relayed ? 'refused' : 'upstream_broke';
  if (relayed?.outcome === 'complete' && answer && answer.status >= 400) return 'refused';
  return relayed?.outcome ?? 'refused';
}

/** A client's hint, as far as it looks like one. */
function header(request: Accepted, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value.length <= 200 ? value : undefined;
}
