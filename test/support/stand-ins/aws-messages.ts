import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { AwsAccount, Wire } from './aws-account.ts';
import { type Dress, envelope, type Refused, whole, writeAnswer } from './messages-answers.ts';
import { type AskedOf, PRIVATE_WORD, type ScriptedAnswer } from './stand-in.ts';

export interface AwsMessagesPlace {
  readonly service: string;
  readonly region: string;
  /** What paths begin with, before `/v1`. */
  readonly prefix: string;
  readonly models: readonly string[];
  readonly account: AwsAccount;
  /** The credential in a header, in place of a signature; undefined when the request has none. */
  bearerOf(headers: IncomingMessage['headers']): string | undefined;
  readonly bearer: string;
  /** What is wrong with a request that it lets in. */
  reject?(asked: AskedOf): Refused | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AwsMessagesServer {
  readonly origin: string;
  answer(next: ScriptedAnswer): void;
  readonly requests: readonly AskedOf[];
  /** Answers requests that are let in, in place of scripted answers. */
  answerAll(how: (asked: AskedOf, response: ServerResponse) => void | Promise<void>): void;
  close(): Promise<void>;
}

/** An endpoint of AWS that speaks the Messages API: it lets in who signs or shows the bearer, and answers from a script. */
export async function startAwsMessages(place: AwsMessagesPlace): Promise<AwsMessagesServer> {
  const requests: AskedOf[] = [];
  const script: ScriptedAnswer[] = [];
  const sockets = new Set<Socket>();
  const dress: Dress = { headers: place.headers, refused };
  let answerAll: Parameters<AwsMessagesServer['answerAll']>[0] | undefined;

  const server = createServer(async (message, response) => {
    const wire = await read(message);
    if (!wire) return;
    const asked = askedOf(message, wire);
    requests.push(asked);
    const refusal =
      (await unauthorised(message, wire, place)) ?? unserved(asked, place) ?? place.reject?.(asked);
    if (refusal) return whole(refusal, response, dress);
    if (answerAll) return answerAll(asked, response);
    writeAnswer(script.shift() ?? shortAnswer(asked), response, dress);
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
    requests,
    answer: (next) => void script.push(next),
    answerAll(how) {
      answerAll = how;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function read(message: IncomingMessage): Promise<Wire | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  const { method = '', url = '', rawHeaders } = message;
  return { method, url, rawHeaders, body: Buffer.concat(chunks) };
}

function askedOf({ headers }: IncomingMessage, { url, body }: Wire): AskedOf {
  const said = JSON.parse(body.toString());
  const betas = [headers['anthropic-beta']].flat().join(',');
  return {
    url,
    headers,
    body,
    model: String(said.model),
    betas: betas === '' ? [] : betas.split(',').map((beta) => beta.trim()),
    isStreamed: said.stream === true,
  };
}

async function unauthorised(
  { headers }: IncomingMessage,
  wire: Wire,
  { account, service, region, bearerOf, bearer }: AwsMessagesPlace,
): Promise<Refused | undefined> {
  const shown = bearerOf(headers);
  if (shown !== undefined) {
    if (shown === bearer && headers['x-amz-date'] === undefined) return undefined;
    return envelope(401, 'authentication_error', `invalid key for account ${PRIVATE_WORD}`);
  }
  const fault = await account.fault(wire, service, region);
  return fault === undefined ? undefined : awsError(403, fault);
}

function unserved(asked: AskedOf, { prefix, models }: AwsMessagesPlace): Refused | undefined {
  const [path = ''] = asked.url.split('?');
  if (path !== `${prefix}/v1/messages` && path !== `${prefix}/v1/messages/count_tokens`)
    return envelope(404, 'not_found_error', `no ${path}`);
  if (asked.headers['anthropic-version'] === undefined)
    return envelope(400, 'invalid_request_error', 'anthropic-version: header is required');
  if (!models.includes(asked.model)) return envelope(404, 'not_found_error', `model: ${asked.model}`);
  return undefined;
}

function shortAnswer({ url, model }: AskedOf): ScriptedAnswer {
  if (url.includes('/count_tokens')) return { kind: 'count', inputTokens: 11 };
  return {
    kind: 'message',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model,
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 11, output_tokens: 2 },
    },
  };
}

/** An error of AWS's own, as its services put it. */
function awsError(status: number, code: string, message = 'refused', headers = {}): Refused {
  return {
    status,
    headers: { 'x-amzn-errortype': `${code}:http://internal.amazon.com/coral/`, ...headers },
    body: { message: `${message} (arn:aws:iam::${PRIVATE_WORD}:role/gateway)` },
  };
}

function refused(answer: ScriptedAnswer): Refused {
  switch (answer.kind) {
    case 'throttled': {
      const seconds = answer.retryAfterSeconds;
      const headers = seconds === undefined ? {} : { 'retry-after': String(seconds) };
      return awsError(429, 'ThrottlingException', 'Too many requests', headers);
    }
    case 'invalid':
      return awsError(400, 'ValidationException', answer.message);
    case 'credential_refused':
      return awsError(
        403,
        'UnrecognizedClientException',
        'The security token included in the request is invalid.',
      );
    case 'model_missing':
      return envelope(404, 'not_found_error', `model of ${PRIVATE_WORD}`);
    case 'too_large':
      return awsError(413, 'RequestEntityTooLargeException', 'Too large');
    default:
      return awsError(500, 'InternalServerException', 'Internal failure');
  }
}
