import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../kernel/coded-error.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.ts';
import type { Log } from '../../kernel/log.ts';
import { messagesError } from '../errors.ts';
import { linger } from './linger.ts';
import type { NoteRefusal } from './refusal-log.ts';

export interface ParserRefusalParts {
  readonly nextRequestId: () => string;
  /** The answer to the last request that was read from this connection. */
  readonly lastAnswer: (socket: Socket) => ServerResponse | undefined;
  /** Whether a request on this connection was refused for where it might end: what follows is part of it. */
  readonly isRefused: (socket: Socket) => boolean;
  readonly noteRefusal: NoteRefusal;
  readonly log: Log;
}

/** The parser's word for an end of the connection where more of the request had to come. */
const CUT_OFF = 'HPE_INVALID_EOF_STATE';

/**
 * Answers what never became a request: in the envelope, on the bare socket, then closes.
 * Where the bytes would land inside another answer, or be taken for one, the connection is cut instead.
 */
export function createParserRefusals({
  nextRequestId,
  lastAnswer,
  isRefused,
  noteRefusal,
  log,
}: ParserRefusalParts): (socket: Socket, cause: RequestErrorCode | NodeJS.ErrnoException) => void {
  const refused = new WeakSet<Socket>();

  return (socket, cause) => {
    // The parser complains about every packet that follows, too.
    if (refused.has(socket)) return;
    refused.add(socket);
    // Node has taken its own listener from a socket that asked for CONNECT: a reset would end the process.
    socket.on('error', () => socket.destroy());
    const code = typeof cause === 'string' ? cause : codeOf(cause);
    const name = typeof cause === 'string' ? 'CONNECT' : (cause.code ?? cause.message);
    if (code === undefined) {
      log.debug(`a connection broke: ${name}`);
      return void socket.destroy();
    }
    if (isRefused(socket)) return void socket.destroy();
    const requestId = nextRequestId();
    // A client that ends its side in the middle of a request may still be reading, but is no news.
    if (name === CUT_OFF) log.debug(`a client hung up in the middle of its request request_id=${requestId}`);
    else noteRefusal('HTTP parser', name, code, requestId);
    if (!socket.writable || !isWaitingForAnswer(lastAnswer(socket))) return void socket.destroy();
    socket.write(rawAnswer(code, requestId));
    socket.resume();
    linger(socket);
  };
}

/** Whether what the client reads next is the answer to the bytes that made no sense. */
function isWaitingForAnswer(last: ServerResponse | undefined): boolean {
  if (!last) return true;
  return last.req.complete ? last.writableFinished : !last.headersSent;
}

function rawAnswer(code: RequestErrorCode, requestId: string): string {
  const answer = messagesError(new CodedError(code), requestId);
  const body = JSON.stringify(answer.body);
  const head = [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Error'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `request-id: ${requestId}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Undefined when it was not the parser that failed: a reset, a TLS handshake that came to nothing. */
function codeOf({ code = '' }: NodeJS.ErrnoException): RequestErrorCode | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large';
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'request_too_large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout';
    default:
      return code.startsWith('HPE_') ? 'bad_request' : undefined;
  }
}
