import { randomBytes } from 'node:crypto';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Accepted } from '../../../src/gateway/exchange.ts';
import { type BodyLimits, createBodyReader } from '../../../src/gateway/http/body.ts';
import { isCodedError } from '../../../src/kernel/coded-error.ts';
import { route, startListener, type TestListener } from '../../support/listener.ts';
import { few } from '../../support/property-runs.ts';
import { answersIn, openRaw, type RawAnswer } from '../../support/raw-http.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) await close();
});

interface Endpoint {
  readonly listener: TestListener;
  readonly bodies: readonly Buffer[];
  /** Resolves with the codes of failures so far once there is one. */
  failure(): Promise<readonly string[]>;
}

/** `POST /` reads a body within the limits; `before` runs first. */
async function startEndpoint(
  limits: Partial<BodyLimits> = {},
  before: (request: Accepted) => Promise<void> | void = () => undefined,
): Promise<Endpoint> {
  const read = createBodyReader({ maxBytes: 10_000_000, ...limits });
  const bodies: Buffer[] = [];
  const codes: string[] = [];
  let tell: () => void = () => undefined;
  const failed = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const listener = await startListener([
    route(
      async (request, reply) => {
        await before(request);
        try {
          bodies.push(await read(request));
          reply.json(200, { size: bodies.at(-1)?.length });
        } catch (error) {
          codes.push(isCodedError(error) ? error.code : String(error));
          tell();
          throw error;
        }
      },
      { method: 'POST' },
    ),
  ]);
  closing.push(listener.close);
  return { listener, bodies, failure: () => failed.then(() => codes) };
}

const head = (headers: string) => `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n\r\n`;

/** Posts pieces in packets of their own, each once the one before has left. */
async function post(
  { port }: TestListener,
  headers: string,
  pieces: readonly Buffer[],
): Promise<RawAnswer | undefined> {
  const connection = await openRaw(port);
  connection.send(head(headers));
  for (const piece of pieces) await new Promise((sent) => connection.socket.write(piece, sent));
  return answersIn((await connection.closed).text)[0];
}

const whole = (listener: TestListener, bytes: Buffer, encoding = 'identity') =>
  post(listener, `Content-Length: ${bytes.length}\r\nContent-Encoding: ${encoding}`, [bytes]);

const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

const messageOf = (answer: RawAnswer | undefined): string => JSON.parse(answer?.body ?? '').error.message;

const compressions = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
] as const;

describe('a body', () => {
  it('comes out as it went in, however it is cut and compressed', async () => {
    const { listener, bodies } = await startEndpoint();
    const encodings = fc.constantFrom(['identity', (bytes: Buffer) => bytes] as const, ...compressions);
    const bytes = fc.uint8Array({ maxLength: 3_000 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(
        bytes,
        encodings,
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.boolean(),
        async (original, [encoding, compress], cuts, isChunked) => {
          const sent = compress(original);
          const places = [0, ...cuts.map((cut) => cut % (sent.length + 1)).sort((a, b) => a - b)];
          const pieces = places
            .map((place, i) => sent.subarray(place, places[i + 1]))
            .filter(({ length }) => length > 0);
          const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${sent.length}`;
          const packets = isChunked ? [...pieces.map(chunk), Buffer.from('0\r\n\r\n')] : pieces;
          const answer = await post(listener, `${framing}\r\nContent-Encoding: ${encoding}`, packets);
          expect(answer?.status).toBe(200);
          expect(bodies.at(-1)?.equals(original)).toBe(true);
        },
      ),
      few(100),
    );
  });

  it.each(['GZIP', ' gzip ', 'Gzip'])('may name its encoding as "%s"', async (name) => {
    const { listener, bodies } = await startEndpoint();
    expect((await whole(listener, gzipSync('hello'), name))?.status).toBe(200);
    expect(bodies[0]?.toString()).toBe('hello');
  });

  it('of several megabytes that do not compress passes through the inflater', async () => {
    const { listener, bodies } = await startEndpoint();
    const original = randomBytes(5_000_000);
    expect((await whole(listener, gzipSync(original, { level: 1 }), 'gzip'))?.status).toBe(200);
    expect(bodies[0]?.equals(original)).toBe(true);
  });

  it.each(['deflate', 'compress', 'gzip, br', 'gzip, gzip', 'aes128gcm'])(
    'encoded as "%s" is refused with 415, unread',
    async (encoding) => {
      const { listener, failure } = await startEndpoint();
      const answer = await post(
        listener,
        `Expect: 100-continue\r\nContent-Length: 100\r\nContent-Encoding: ${encoding}`,
        [],
      );
      expect(answer?.status).toBe(415);
      expect(messageOf(answer)).toBe('content-encoding must be identity, gzip, br or zstd');
      expect(await failure()).toEqual(['unsupported_encoding']);
    },
  );
});

describe('the size limit', () => {
  it('is judged by Content-Length before anything is read', async () => {
    const { listener } = await startEndpoint({ maxBytes: 1_000 });
    const answer = await post(listener, 'Content-Length: 1001', []);
    expect(answer?.status).toBe(413);
    expect(JSON.parse(answer?.body ?? '').error).toEqual({
      type: 'request_too_large',
      message: 'request body is larger than 1000 bytes',
    });
  });

  it('lets exactly that much in, plain and compressed', async () => {
    const { listener } = await startEndpoint({ maxBytes: 1_000 });
    const [fits, tooLarge] = [Buffer.alloc(1_000, 'a'), Buffer.alloc(1_001, 'a')];
    for (const [encoding, compress] of [['identity', (bytes: Buffer) => bytes] as const, ...compressions]) {
      expect((await whole(listener, compress(fits), encoding))?.status).toBe(200);
      expect((await whole(listener, compress(tooLarge), encoding))?.status).toBe(413);
    }
  });

  it('ends a chunked body that never ends', async () => {
    const { listener, failure } = await startEndpoint({ maxBytes: 100_000 });
    const connection = await openRaw(listener.port);
    connection.send(head('Transfer-Encoding: chunked'));
    let isAnswered = false;
    const answered = connection.received(/HTTP\/1\.1 413/).then(() => {
      isAnswered = true;
    });
    while (!isAnswered)
      await new Promise((sent) => connection.socket.write(chunk(Buffer.alloc(10_000)), sent));
    await answered;
    expect(await failure()).toEqual(['request_too_large']);
  });

  it('is about the inflated size: a bomb is refused before it has arrived', async () => {
    const { listener, failure } = await startEndpoint({ maxBytes: 1_000_000 });
    for (const [encoding, compress] of compressions) {
      const bomb = compress(Buffer.alloc(10_000_000));
      expect(bomb.length).toBeLessThan(100_000);
      const connection = await openRaw(listener.port);
      connection.send(head(`Content-Length: ${bomb.length}\r\nContent-Encoding: ${encoding}`));
      connection.send(bomb.subarray(0, -10));
      expect(answersIn(await connection.received(/\}\}?$/))[0]?.status).toBe(413);
      connection.socket.destroy();
    }
    expect(new Set(await failure())).toEqual(new Set(['request_too_large']));
  });

  it('is about the compressed size as well', async () => {
    const { listener } = await startEndpoint({ maxBytes: 1_000 });
    const padded = Buffer.concat([gzipSync(''), ...Array.from({ length: 100 }, () => gzipSync(''))]);
    const answer = await post(listener, 'Transfer-Encoding: chunked\r\nContent-Encoding: gzip', [
      chunk(padded),
      Buffer.from('0\r\n\r\n'),
    ]);
    expect(answer?.status).toBe(413);
  });

  it.each([
    ['that is announced', `Content-Length: 3000000`, Buffer.alloc(100_000)],
    ['of chunks', 'Transfer-Encoding: chunked', chunk(Buffer.alloc(100_000))],
  ])(
    'a body %s is answered while it is being sent, and the connection ends',
    async (_kind, framing, piece) => {
      const { listener } = await startEndpoint({ maxBytes: 1_000 });
      const connection = await openRaw(listener.port);
      connection.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
      for (let i = 0; i < 20; i += 1) connection.send(piece);
      await connection.received(/\}$/);
      for (let i = 0; i < 5; i += 1) connection.send(piece);
      const { text, isReset } = await connection.closed;
      const [answer, ...others] = answersIn(text);
      expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } });
      expect(others).toEqual([]);
      expect(isReset).toBe(false);
    },
  );

  it('reaches a client that reads its answer only after it has sent everything', async () => {
    const { listener } = await startEndpoint({ maxBytes: 1_000 });
    const connection = await openRaw(listener.port);
    connection.socket.pause();
    connection.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n');
    for (let i = 0; i < 200; i += 1)
      await new Promise((sent) => connection.socket.write(Buffer.alloc(100_000), sent));
    connection.socket.resume();
    const { text, isReset } = await connection.closed;
    expect(answersIn(text).map(({ status }) => status)).toEqual([413]);
    expect(isReset).toBe(false);
  });
});

describe('a compressed body', () => {
  const text = Buffer.from('{"model":"claude"}'.repeat(20));

  it.each(compressions)(
    'in %s that is cut off, empty, foreign or longer than its data is refused',
    async (encoding, compress) => {
      const { listener, failure } = await startEndpoint();
      const good = compress(text);
      const damaged = [
        good.subarray(0, -3),
        good.subarray(0, 3),
        Buffer.alloc(0),
        text,
        Buffer.concat([good, Buffer.from('garbage')]),
      ];
      for (const bytes of damaged) {
        const answer = await whole(listener, bytes, encoding);
        expect(answer?.status).toBe(400);
        expect(messageOf(answer)).toBe('the request body cannot be decompressed');
      }
      expect(await failure()).toEqual(damaged.map(() => 'bad_request'));
    },
  );

  it('that is followed by other bytes later is refused, too', async () => {
    for (const [encoding, compress] of compressions) {
      const { listener, failure } = await startEndpoint();
      const good = compress(text);
      const connection = await openRaw(listener.port);
      connection.send(head(`Content-Length: ${good.length + 8}\r\nContent-Encoding: ${encoding}`));
      connection.send(good);
      await new Promise((resolve) => setImmediate(resolve));
      connection.send('garb');
      connection.send('age!');
      expect(answersIn((await connection.closed).text)[0]?.status).toBe(400);
      expect(await failure()).toEqual(['bad_request']);
    }
  });
});

describe('a client', () => {
  it('that leaves in the middle of its body is noticed at once', async () => {
    const { listener, failure } = await startEndpoint();
    const connection = await openRaw(listener.port);
    connection.send(`${head('Content-Length: 100')}abc`);
    connection.socket.resetAndDestroy();
    expect(await failure()).toEqual(['client_left']);
  });

  it('that leaves in the middle of a compressed body is noticed at once', async () => {
    const { listener, failure } = await startEndpoint();
    const connection = await openRaw(listener.port);
    connection.send(head('Content-Length: 100\r\nContent-Encoding: gzip'));
    connection.send(gzipSync('hello').subarray(0, 8));
    connection.socket.resetAndDestroy();
    expect(await failure()).toEqual(['client_left']);
  });

  it('that has left before its body is read is noticed, too', async () => {
    const { listener, failure } = await startEndpoint(
      {},
      (request) => new Promise((left) => request.onGone(left)),
    );
    const connection = await openRaw(listener.port);
    connection.send(`${head('Content-Length: 100')}abc`);
    connection.socket.resetAndDestroy();
    expect(await failure()).toEqual(['client_left']);
  });

  it('that stalls is answered 408 and let go', async () => {
    const { listener, failure } = await startEndpoint({ idleTimeoutMs: 50 });
    const answer = await post(listener, 'Content-Length: 100', [Buffer.from('abc')]);
    expect(answer?.status).toBe(408);
    expect(answer?.headers['connection']).toBe('close');
    expect(await failure()).toEqual(['request_timeout']);
  });

  it('that is slow but steady is waited for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let readSoFar: () => number = () => 0;
    const { listener } = await startEndpoint({ idleTimeoutMs: 400 }, ({ message: { socket } }) => {
      readSoFar = () => socket.bytesRead;
    });
    const connection = await openRaw(listener.port);
    const sent = head('Content-Length: 12');
    connection.send(sent);
    for (let size = sent.length; size < sent.length + 12; size += 1) {
      while (readSoFar() < size) await new Promise(setImmediate);
      vi.advanceTimersByTime(399);
      connection.send('x');
    }
    expect(answersIn((await connection.closed).text)[0]?.status).toBe(200);
  });
});
