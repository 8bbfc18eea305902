import type { ServerResponse } from 'node:http';
import { type Json, PRIVATE_WORD, type ScriptedAnswer } from './stand-in.ts';

/** An error as a provider puts it: head and body. */
export interface Refused {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Json | readonly Json[];
}

/** What differs between providers that answer in Messages format. */
export interface Dress {
  /** On every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** A refusal of the provider's own, before the model's side. */
  refused(answer: ScriptedAnswer): Refused;
}

export function envelope(status: number, type: string, message: string): Refused {
  return { status, body: { type: 'error', error: { type, message }, request_id: 'req_stand_in' } };
}

/** Writes a scripted answer in Messages format. */
export function writeAnswer(answer: ScriptedAnswer, response: ServerResponse, dress: Dress): void {
  switch (answer.kind) {
    case 'hung_up':
      return void response.socket?.resetAndDestroy();
    case 'silent':
      return;
    case 'message':
      return whole({ status: 200, body: answer.message }, response, dress);
    case 'count':
      return whole({ status: 200, body: { input_tokens: answer.inputTokens } }, response, dress);
    case 'invalid_enveloped':
      return whole(envelope(400, 'invalid_request_error', answer.message), response, dress);
    case 'stream':
    case 'truncated':
    case 'reset':
    case 'overloaded_midway':
    case 'stalled':
      return streamed(answer, response, dress);
    default:
      return whole(dress.refused(answer), response, dress);
  }
}

export function whole({ status, headers, body }: Refused, response: ServerResponse, dress: Dress): void {
  response.writeHead(status, { 'content-type': 'application/json', ...dress.headers, ...headers });
  response.end(JSON.stringify(body));
}

function streamed(
  answer: Extract<ScriptedAnswer, { readonly events: unknown }>,
  response: ServerResponse,
  dress: Dress,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...dress.headers });
  for (const event of answer.events)
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  if (answer.kind === 'stalled') return void response.once('close', answer.onClosed);
  if (answer.kind === 'reset') {
    response.flushHeaders();
    return void setImmediate(() => response.socket?.resetAndDestroy());
  }
  if (answer.kind === 'overloaded_midway') {
    const error = envelope(529, 'overloaded_error', `Overloaded, says ${PRIVATE_WORD}`).body;
    response.write(`event: error\ndata: ${JSON.stringify(error)}\n\n`);
  }
  response.end();
}
