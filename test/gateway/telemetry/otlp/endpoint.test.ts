import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../../src/gateway/exchange.ts';
import { createBodyReader } from '../../../../src/gateway/http/body.ts';
import { type BodyBudget, createBodyBudget } from '../../../../src/gateway/limits/body-budget.ts';
import { createTelemetryEndpoint } from '../../../../src/gateway/telemetry/otlp/endpoint.ts';
import type { OtlpBody } from '../../../../src/gateway/telemetry/otlp/otlp-body.ts';
import { OTLP_PATHS, OTLP_SIGNALS } from '../../../../src/kernel/protocol.ts';
import { route, startListener, type TestListener } from '../../../support/listener.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';
import { everyForm, exportRequest, MEDIA_TYPES, readExportResponse } from '../../../support/otlp-payloads.ts';

const MAX_BYTES = 100_000;

let taken: OtlpBody[];
let bodies: BodyBudget;
let clock: ManualClock;
let listener: TestListener;

beforeEach(async () => {
  taken = [];
  clock = createManualClock();
  bodies = createBodyBudget({ maxBytes: 2 * MAX_BYTES }, clock);
  const endpoint = createTelemetryEndpoint({
    readBody: createBodyReader({ maxBytes: MAX_BYTES }),
    openRoom: bodies.open,
    take: (body) => void taken.push(body),
  });
  listener = await startListener(
    OTLP_SIGNALS.map((signal) => {
      const handle = endpoint(signal);
      return route((request, reply) => handle(request, reply, callerOf(request.headers['x-session'])), {
        method: 'POST',
        path: OTLP_PATHS[signal],
      });
    }),
  );
});

afterEach(() => listener.close());

function callerOf(session: string | string[] = 'sid-1'): Caller {
  const sid = String(session);
  return { sid, sub: 'dev-1', email: undefined, name: undefined, groups: [], expiresAtMs: 1e15 };
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function open(path: string, headers: Readonly<Record<string, string>>) {
  return httpRequest(listener.url + path, { method: 'POST', agent: false, headers });
}

async function answerTo(sent: ReturnType<typeof open>): Promise<Answered> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) };
}

function post(path: string, bytes: Buffer, headers: Readonly<Record<string, string>>): Promise<Answered> {
  const sent = open(path, { 'content-length': String(bytes.length), ...headers });
  sent.end(bytes);
  return answerTo(sent);
}

const messageOf = ({ body }: Answered): string => JSON.parse(body.toString()).error.message;
const PROTOBUF = { 'content-type': MEDIA_TYPES.protobuf };

describe('an export', () => {
  it.each(everyForm)(
    'of %s as %s is taken as it came and answered in its encoding',
    async (signal, format) => {
      const bytes = exportRequest(signal, format);
      const answer = await post(OTLP_PATHS[signal], bytes, { 'content-type': MEDIA_TYPES[format] });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe(MEDIA_TYPES[format]);
      expect(answer.body.toString()).toBe(format === 'json' ? '{}' : '');
      expect(readExportResponse(signal, format, answer.body)).toEqual({});
      expect(taken).toEqual([{ signal, mediaType: MEDIA_TYPES[format], isGzip: false, bytes }]);
    },
  );

  it('that is compressed is taken as it is, whatever it holds', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * MAX_BYTES));
    for (const bytes of [gzipSync(exportRequest('logs', 'protobuf')), bomb, Buffer.from('no gzip at all')]) {
      const answer = await post('/v1/logs', bytes, { ...PROTOBUF, 'content-encoding': 'GZIP' });
      expect(answer.status).toBe(200);
      expect(taken.pop()).toMatchObject({ isGzip: true, bytes });
    }
  });

  it('may come in chunks without a length, as some clients send it', async () => {
    const bytes = exportRequest('traces', 'protobuf');
    const sent = open('/v1/traces', { ...PROTOBUF, 'transfer-encoding': 'chunked' });
    for (const byte of bytes) sent.write(Buffer.of(byte));
    sent.end();
    expect((await answerTo(sent)).status).toBe(200);
    expect(taken[0]?.bytes.equals(bytes)).toBe(true);
    expect(taken[0]?.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * bytes.length);
  });

  it('may be empty', async () => {
    expect((await post('/v1/metrics', Buffer.alloc(0), PROTOBUF)).status).toBe(200);
    expect(taken[0]?.bytes.length).toBe(0);
  });

  it('may say more of its type', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect((await post('/v1/metrics', Buffer.from('{}'), headers)).status).toBe(200);
    expect(taken[0]?.mediaType).toBe('application/json');
  });

  it.each(['text/plain', 'application/protobuf', 'application/grpc', ''])(
    'of another type is refused: %j',
    async (type) => {
      const answer = await post('/v1/metrics', Buffer.from('{}'), { 'content-type': type });
      expect(answer.status).toBe(415);
      expect(messageOf(answer)).toBe('content-type must be application/x-protobuf or application/json');
      expect(taken).toEqual([]);
    },
  );

  it.each(['br', 'zstd', 'gzip, gzip', 'deflate'])('in another encoding is refused: %s', async (encoding) => {
    const answer = await post('/v1/metrics', Buffer.from('{}'), {
      ...PROTOBUF,
      'content-encoding': encoding,
    });
    expect(answer.status).toBe(415);
    expect(messageOf(answer)).toBe('content-encoding must be identity or gzip');
  });
});

describe('the size of a body', () => {
  it('is bounded, as it was sent', async () => {
    expect((await post('/v1/metrics', Buffer.alloc(MAX_BYTES), PROTOBUF)).status).toBe(200);
    const announced = await post('/v1/metrics', Buffer.alloc(MAX_BYTES + 1), PROTOBUF);
    expect(announced.status).toBe(413);
    expect(messageOf(announced)).toBe(`request body is larger than ${MAX_BYTES} bytes`);
    const chunked = open('/v1/metrics', { ...PROTOBUF, 'transfer-encoding': 'chunked' });
    chunked.end(Buffer.alloc(MAX_BYTES + 1));
    expect((await answerTo(chunked)).status).toBe(413);
    expect(taken.length).toBe(1);
  });

  it('is bounded for all that arrive at once: what finds no room is told when to come again', async () => {
    const size = MAX_BYTES;
    const half = (session: string) => {
      const sent = open('/v1/metrics', { ...PROTOBUF, 'content-length': String(size), 'x-session': session });
      sent.write(Buffer.alloc(size / 2));
      return sent;
    };
    const [first, second] = [half('one'), half('two')] as const;
    await expect.poll(() => bodies.heldBytes).toBe(2 * size);
    const third = post('/v1/metrics', Buffer.alloc(10), { ...PROTOBUF, 'x-session': 'three' });
    expect(await clock.sleeper()).toBe(10_000);
    clock.advance(10_000);
    const refused = await third;
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('5');
    first.end(Buffer.alloc(size / 2));
    expect((await answerTo(first)).status).toBe(200);
    expect((await post('/v1/metrics', Buffer.alloc(10), PROTOBUF)).status).toBe(200);
    second.on('error', () => undefined);
    second.destroy();
    await expect.poll(() => bodies.heldBytes).toBe(0);
    expect(taken.map(({ bytes }) => bytes.length)).toEqual([size, 10]);
  });
});
