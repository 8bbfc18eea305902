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

const SHORT_MESSAGE: Json = {
  id: 'msg_short',
  type: 'message',
  role: 'assistant',
  model: 'claude-test',
  content: [{ type: 'text', text: 'hello' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: 4, cache_creation_input_tokens: 5 },
};
