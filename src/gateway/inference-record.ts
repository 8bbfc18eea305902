import type { Clock } from '../kernel/clock.ts';
import { isCodedError } from '../kernel/coded-error.ts';
import { messagesError } from './errors.ts';
import {
  type Accepted,
  type Answer,
  type Audit,
  type AuditFields,
  type Caller,
  CLIENT_LEFT_STATUS,
  type Permit,
  type Relayed,
  type ScannedBody,
} from './exchange.ts';

/** What is known of a request so far; the story fills it in as it goes. */
export interface InferenceRecord {
  body?: ScannedBody;
  permit?: Permit;
  /** How many upstreams were asked so far, and the last of them. */
  attempts?: { tried(): number; last(): Asked | undefined };
  /** The one that was relayed last. */
  answer?: Answer;
  relayed?: Relayed;
  /** What ended the request before an answer could be relayed. */
  failure?: unknown;
  /** Writes the `inference` audit event. */
  close(): void;
}

type Asked = Pick<Answer, 'upstreamName' | 'upstreamModel'>;
type Outcome = 'complete' | 'client_left' | 'upstream_broke' | 'refused';

export interface InferenceRecordParts {
  readonly audit: Audit;
  readonly markSettings: (reported: string | undefined) => string | undefined;
  readonly clock: Clock;
}

/** Opened before anything is known, closed whatever happens. */
export function openInferenceRecord(
  endpoint: string,
  request: Accepted,
  caller: Caller,
  { audit, markSettings, clock }: InferenceRecordParts,
): InferenceRecord {
  const record: InferenceRecord = {
    close() {
      const durationMs = clock.monotonicMs() - request.receivedAtMs;
      audit('inference', request.requestId, {
        sub: caller.sub,
        email: caller.email,
        client_ip: request.clientIp,
        session_id: hint(request, 'x-claude-code-session-id'),
        endpoint,
        ...factsOf(record, request),
        request_class: hint(request, 'x-claude-code-request-class'),
        agent_type: hint(request, 'x-claude-code-agent-type'),
        settings_mark: markSettings(textOf(request, 'x-claude-code-managed-settings-checksum')),
        duration_ms: Math.round(durationMs),
      });
    },
  };
  return record;
}

function factsOf(record: InferenceRecord, request: Accepted): AuditFields {
  const { body, permit, attempts, relayed, failure } = record;
  const { firstByteAtMs, usage } = relayed ?? {};
  // What failed after an answer broke off was somebody else, asked later.
  const answer = failure === undefined ? record.answer : undefined;
  const asked = answer ?? attempts?.last();
  return {
    model: (permit?.requestedModel ?? body?.model)?.slice(0, LONGEST_NAME),
    upstream: asked?.upstreamName,
    upstream_model: asked?.upstreamModel.slice(0, LONGEST_NAME),
    attempts: attempts?.tried() ?? 0,
    status: statusOf(record, request),
    stream: body?.stream,
    outcome: outcomeOf(record),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    cache_read_tokens: usage?.cacheReadTokens,
    cache_write_tokens: usage?.cacheWriteTokens,
    ttfb_ms: firstByteAtMs === undefined ? undefined : Math.round(firstByteAtMs - request.receivedAtMs),
    upstream_request_id: answer?.upstreamRequestId,
  };
}

function statusOf({ failure, answer, relayed }: InferenceRecord, request: Accepted): number | undefined {
  if (failure !== undefined) return messagesError(failure, request.requestId).status;
  return relayed?.outcome === 'client_left' && !relayed.hasSentBody ? CLIENT_LEFT_STATUS : answer?.status;
}

function outcomeOf({ failure, answer, relayed }: InferenceRecord): Outcome {
  if (isCodedError(failure, 'client_left')) return 'client_left';
  if (isCodedError(failure, 'upstreams_failed')) return 'upstream_broke';
  if (failure !== undefined || !relayed) return 'refused';
  return relayed.outcome === 'complete' && answer && answer.status >= 400 ? 'refused' : relayed.outcome;
}

/** The characters that a name takes of the audit trail at most. */
const LONGEST_NAME = 200;
const NAME = new RegExp(`^[\\w.:@/ -]{1,${LONGEST_NAME}}$`);

/** A client's own words about its request, as far as they look like a name. */
function hint(request: Accepted, name: string): string | undefined {
  const value = textOf(request, name);
  return value !== undefined && NAME.test(value) ? value : undefined;
}

function textOf({ headers }: Accepted, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
