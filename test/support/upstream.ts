import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What an upstream was sent. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Resolves when the connection that carried the request has closed. */
  readonly closed: Promise<void>;
}

export type Answerer = (request: Received, response: ServerResponse) => void | Promise<void>;

/** A stand-in for the Anthropic API on real sockets: records what it gets and answers as the test says. */
export interface StandInUpstream {
  readonly url: string;
  readonly requests: readonly Received[];
  answer: Answerer;
  /** Resolves with the request of that number, past or future, once its body is here. */
  request(index?: number): Promise<Received>;
  /** Connections made so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** An upstream for one test, with which it ends. */
export async function upstreamForTest(answer?: Answerer): Promise<StandInUpstream> {
  const upstream = await startUpstream(answer);
  onTestFinished(upstream.close);
  return upstream;
}

export async function startUpstream(answer: Answerer = message()): Promise<StandInUpstream> {
  const requests: Received[] = [];
  const waiting: (() => void)[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const server = createServer(async (message, response) => {
    const { socket } = message;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const { method = '', url = '', headers } = message;
    const received = { method, url, headers, body: Buffer.concat(chunks), closed };
    requests.push(received);
    for (const wake of waiting.splice(0)) wake();
    await upstream.answer(received, response);
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    // Each request on the connection waits for its end.
    socket.setMaxListeners(0);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const upstream: StandInUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer,
    async request(index = 0) {
      for (;;) {
        const found = requests[index];
        if (found) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return upstream;
}

/** Answers with a whole JSON message. */
export function message(fields: Record<string, unknown> = {}): Answerer {
  return json(200, {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: 'hello' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 4, cache_creation_input_tokens: 5 },
    ...fields,
  });
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answerer {
  return (_request, response) => {
    response.writeHead(status, {
      'content-type': 'application/json',
      'request-id': 'req_upstream',
      ...headers,
    });
    response.end(JSON.stringify(body));
  };
}

/** An error in the envelope of the Messages API. */
export function refusal(
  status: number,
  type: string,
  text = type,
  headers: Record<string, string> = {},
): Answerer {
  return json(status, { type: 'error', error: { type, message: text }, request_id: 'req_upstream' }, headers);
}

/** Resets the connection without a word. */
export const reset: Answerer = (_request, response) => {
  response.socket?.resetAndDestroy();
};

export function startStream(response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_upstream', ...headers });
}

/** Answers with these bytes as a stream, one write for each piece. */
export function stream(...pieces: readonly (string | Buffer)[]): Answerer {
  return (_request, response) => {
    startStream(response);
    for (const piece of pieces) response.write(piece);
    response.end();
  };
}

export function event(name: string, data: Record<string, unknown> = {}): string {
  return `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`;
}

/** The events of one answer: its text, cut into deltas. */
export function answerEvents(texts: readonly string[], outputTokens = texts.length): string[] {
  return [
    event('message_start', {
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        content: [],
        usage: {
          input_tokens: 12,
          output_tokens: 1,
          cache_read_input_tokens: 4,
          cache_creation_input_tokens: 5,
        },
      },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...texts.map((text) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: outputTokens } }),
    event('message_stop'),
  ];
}
