import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { eventsOfAnswer, jsonAnswer } from '../bench/answers.ts';

/** How an upstream answers, by `?case=`. `first` upstreams fail where the case says so, and the second one serves. */
export type AnswerCase =
  | 'json'
  | 'sse'
  /** An event every 20 ms, for some three seconds. */
  | 'paced'
  /** Two megabytes of events at once. */
  | 'large'
  /** 500 from the first. */
  | 'broken'
  /** A reset from the first. */
  | 'reset'
  /** A reset in the middle of the stream. */
  | 'cut'
  /** 400 with the error envelope. */
  | 'refused';

export interface Upstream {
  readonly url: string;
  close(): Promise<void>;
}

const PACE_MS = 20;
const events = Buffer.from(eventsOfAnswer.join(''));
const large = Buffer.from(
  [
    ...eventsOfAnswer.slice(0, 2),
    ...Array.from({ length: 110 }, () => eventsOfAnswer.slice(2, -3)).flat(),
    ...eventsOfAnswer.slice(-3),
  ].join(''),
);

/** A stand-in for the Messages API that keeps nothing of what it is asked. */
export async function startSoakUpstream({ isFirst }: { readonly isFirst: boolean }): Promise<Upstream> {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      const asked = new URL(request.url ?? '', 'http://upstream').searchParams.get('case') ?? 'json';
      answer(asked, isFirst, response).catch(() => response.destroy());
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(asked: string, isFirst: boolean, response: ServerResponse): Promise<void> {
  switch (asked) {
    case 'sse':
      startStream(response).end(events);
      return;
    case 'large':
      startStream(response).end(large);
      return;
    case 'paced':
      startStream(response);
      for (const event of eventsOfAnswer) {
        if (response.destroyed) return;
        response.write(event);
        await delay(PACE_MS);
      }
      response.end();
      return;
    case 'cut':
      startStream(response).write(eventsOfAnswer.slice(0, 20).join(''), () =>
        response.socket?.resetAndDestroy(),
      );
      return;
    case 'refused':
      sendJson(response, 400, errorBody('invalid_request_error'));
      return;
    case 'broken':
      if (isFirst) sendJson(response, 500, errorBody('api_error'));
      else sendJson(response, 200, jsonAnswer);
      return;
    case 'reset':
      if (isFirst) response.socket?.resetAndDestroy();
      else sendJson(response, 200, jsonAnswer);
      return;
    default:
      sendJson(response, 200, jsonAnswer);
  }
}

function startStream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_soak' });
}

function sendJson(response: ServerResponse, status: number, body: Buffer): void {
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  response.writeHead(status, { ...headers, 'request-id': 'req_soak' }).end(body);
}

function errorBody(type: string): Buffer {
  return Buffer.from(JSON.stringify({ type: 'error', error: { type, message: type } }));
}
