import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP connection on which a test says exactly what it wants, well-formed or not. */
export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** Resolves with everything received so far, one character a byte, once it matches. */
  received(pattern: RegExp): Promise<string>;
  /** Resolves with everything received when the connection has closed. */
  readonly closed: Promise<Closed>;
}

export interface Closed {
  readonly text: string;
  /** The other side cut the connection instead of ending it. */
  readonly isReset: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  let isReset = false;
  let waiting: { readonly pattern: RegExp; found(text: string): void }[] = [];
  const tell = () => {
    const ready = waiting.filter(({ pattern }) => pattern.test(text));
    waiting = waiting.filter((other) => !ready.includes(other));
    for (const { found } of ready) found(text);
  };
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
    tell();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    isReset ||= error.code === 'ECONNRESET' || error.code === 'EPIPE';
  });
  const closed = new Promise<Closed>((resolve) => socket.once('close', () => resolve({ text, isReset })));
  await once(socket, 'connect');
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    received: (pattern) =>
      new Promise((found) => {
        waiting.push({ pattern, found });
        tell();
      }),
    closed,
  };
}

/** Sends bytes and reads until the server closes. `end` closes the sending side after them. */
export async function exchangeRaw(
  port: number,
  bytes: string | Buffer,
  { end = false }: { readonly end?: boolean } = {},
): Promise<Closed> {
  const connection = await openRaw(port);
  connection.send(bytes);
  if (end) connection.socket.end();
  return connection.closed;
}

/** The answers in what a server sent; bodies are those of `Content-Length`, or all that is left. */
export function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const [, head = '', after = ''] = /^(.*?)\r\n\r\n(.*)$/s.exec(rest) ?? [];
    const [statusLine = '', ...lines] = head.split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (Number.isNaN(status)) throw new Error(`not an HTTP answer: ${rest.slice(0, 200)}`);
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = status === 100 ? 0 : Number(headers['content-length'] ?? after.length);
    answers.push({ status, headers, body: Buffer.from(after.slice(0, length), 'latin1').toString() });
    rest = after.slice(length);
  }
  return answers;
}
