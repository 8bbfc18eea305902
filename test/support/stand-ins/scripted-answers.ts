import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Json, ScriptedAnswer } from './stand-in.ts';

/** A request whose body is here. */
export type Handle = (
  message: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
) => void | Promise<void>;

export interface Listening {
  readonly origin: string;
  close(): Promise<void>;
}

/** A server on 127.0.0.1 that reads bodies whole. */
export async function listenOnLoopback(handle: Handle): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    await handle(message, Buffer.concat(chunks), response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers in turn; who has no answer left gets a short message. */
export function createScript(): {
  add(answer: ScriptedAnswer): void;
  next(isCount: boolean): ScriptedAnswer;
} {
  const answers: ScriptedAnswer[] = [];
  return {
    add: (answer) => void answers.push(answer),
    next: (isCount) =>
      answers.shift() ??
      (isCount ? { kind: 'count', inputTokens: 7 } : { kind: 'message', message: SHORT_MESSAGE }),
  };
}

export const SHORT_MESSAGE: Json = {
  id: 'msg_short',
  type: 'message',
  role: 'assistant',
  model: 'claude-test',
  content: [{ type: 'text', text: 'hello' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 4, cache_creation_input_tokens: 5 },
};

/** How a provider dresses what is not a success: status, headers and body for each. */
export type Refusals = Readonly<
  Record<
    'invalid' | 'throttled' | 'credential_refused' | 'model_missing' | 'failed' | 'too_large',
    (detail: string) => {
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Record<string, string>;
    }
  >
>;

/** Answers as a provider does that streams the Messages API's own events. */
export function sendAsEvents(
  response: ServerResponse,
  answer: ScriptedAnswer,
  refusals: Refusals,
  headers: Readonly<Record<string, string>>,
): void {
  const send = (status: number, body: unknown, more: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers, ...more });
    response.end(JSON.stringify(body));
  };
  switch (answer.kind) {
    case 'message':
      return send(200, answer.message);
    case 'count':
      return send(200, { input_tokens: answer.inputTokens });
    case 'stream':
    case 'truncated':
    case 'reset':
    case 'overloaded_midway':
      return sendStream(response, answer.kind, answer.events, headers);
    case 'invalid_enveloped':
      return send(400, envelope('invalid_request_error', answer.message));
    case 'throttled': {
      const { status, body, headers: own } = refusals.throttled('');
      const { retryAfterSeconds } = answer;
      return send(status, body, {
        ...own,
        ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      });
    }
    default: {
      const refused = refusals[answer.kind](answer.kind === 'invalid' ? answer.message : '');
      return send(refused.status, refused.body, refused.headers);
    }
  }
}

function sendStream(
  response: ServerResponse,
  kind: 'stream' | 'truncated' | 'reset' | 'overloaded_midway',
  events: readonly Json[],
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  response.flushHeaders();
  for (const event of events) response.write(sse(event));
  if (kind === 'reset') {
    // What has been written is to arrive first.
    response.write('', () => setImmediate(() => response.socket?.resetAndDestroy()));
    return;
  }
  if (kind === 'overloaded_midway') response.write(sse(envelope('overloaded_error', 'Overloaded')));
  response.end();
}

export function sse(event: Json): string {
  return `event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`;
}

export function envelope(type: string, message: string): Json {
  return { type: 'error', error: { type, message }, request_id: 'req_upstream' };
}
