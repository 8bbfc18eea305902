import type { ServerResponse } from 'node:http';
import { exceptionFrame, framesOf } from './bedrock-frames.ts';
import { type Fault, fault } from './bedrock-rules.ts';
import { PRIVATE_WORD, type ScriptedAnswer } from './stand-in.ts';

const HEADERS = {
  'x-amzn-requestid': 'amzn-stand-in',
  'x-amzn-bedrock-invocation-latency': '812',
} as const;

/** Writes a scripted answer as Bedrock's runtime does: JSON, or frames made by the vendor's codec. */
export function writeBedrockAnswer(answer: ScriptedAnswer, response: ServerResponse): void {
  switch (answer.kind) {
    case 'hung_up':
      return void response.socket?.resetAndDestroy();
    case 'silent':
      return;
    case 'message':
      return json(200, answer.message, response);
    case 'count':
      return json(200, { inputTokens: answer.inputTokens }, response);
    case 'invalid_enveloped':
      return json(
        400,
        { type: 'error', error: { type: 'invalid_request_error', message: answer.message } },
        response,
      );
    case 'stream':
    case 'truncated':
    case 'reset':
    case 'overloaded_midway':
    case 'stalled':
      return frames(answer, response);
    default:
      return refuse(refused(answer), response);
  }
}

function json(status: number, body: unknown, response: ServerResponse): void {
  response.writeHead(status, { 'content-type': 'application/json', ...HEADERS });
  response.end(JSON.stringify(body));
}

function frames(
  answer: Extract<ScriptedAnswer, { readonly events: unknown }>,
  response: ServerResponse,
): void {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream', ...HEADERS });
  for (const frame of framesOf(answer.events)) response.write(frame);
  if (answer.kind === 'stalled') return void response.once('close', answer.onClosed);
  if (answer.kind === 'reset') {
    response.flushHeaders();
    return void setImmediate(() => response.socket?.resetAndDestroy());
  }
  if (answer.kind === 'overloaded_midway')
    response.write(
      exceptionFrame('serviceUnavailableException', { message: `no capacity for ${PRIVATE_WORD}` }),
    );
  response.end();
}

export function refuse({ status, code, message, headers }: Fault, response: ServerResponse): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-amzn-requestid': 'amzn-stand-in',
    'x-amzn-errortype': `${code}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
    ...headers,
  });
  response.end(JSON.stringify({ message }));
}

function refused(answer: ScriptedAnswer): Fault {
  switch (answer.kind) {
    case 'throttled': {
      const seconds = answer.retryAfterSeconds;
      const headers = seconds === undefined ? {} : { 'retry-after': String(seconds) };
      return fault(429, 'ThrottlingException', 'Too many tokens', headers);
    }
    case 'invalid':
      return fault(400, 'ValidationException', answer.message);
    case 'credential_refused':
      return fault(403, 'UnrecognizedClientException', 'The security token included is invalid.');
    case 'model_missing':
      return fault(404, 'ResourceNotFoundException', 'Could not resolve the foundation model');
    case 'too_large':
      return fault(413, 'RequestEntityTooLargeException', 'too large');
    default:
      return fault(500, 'InternalServerException', 'Internal failure');
  }
}
