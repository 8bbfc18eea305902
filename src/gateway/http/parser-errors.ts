import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../kernel/coded-error.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.ts';
import { messagesError } from '../errors.ts';

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/**
 * Answers what never became a request: in the envelope, on the bare socket, then closes. Returns the code that was
 * answered, or undefined when there was nobody to answer.
 */
export function answerUnparseable(
  socket: Socket,
  reason: RequestErrorCode | ParserError,
  requestId: string,
): RequestErrorCode | undefined {
  if (typeof reason !== 'string' && (reason.code === 'ECONNRESET' || reason.code === 'EPIPE')) {
    socket.destroy();
    return undefined;
  }
  const code = typeof reason === 'string' ? reason : codeOf(reason);
  if (!socket.writable) {
    socket.destroy();
    return code;
  }
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
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Reads on for a moment, so that the answer is not lost to a reset while the client is still sending.
  socket.resume();
  const giveUp = setTimeout(() => socket.destroy(), 2_000);
  giveUp.unref();
  socket.once('close', () => clearTimeout(giveUp));
  return code;
}

function codeOf(error: ParserError): RequestErrorCode {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return isStillInRequestLine(error.rawPacket) ? 'uri_too_long' : 'headers_too_large';
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'request_too_large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout';
    default:
      return 'bad_request';
  }
}

/** The parser counts the URL as header bytes: a packet without a line end was a URL that never ended. */
function isStillInRequestLine(packet: Buffer | undefined): boolean {
  return packet !== undefined && !packet.includes('\n');
}
