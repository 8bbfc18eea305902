import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { many } from '../../../../support/property-runs.ts';
import { chunkFrame, exceptionFrame, frame, framesOf } from '../../../../support/stand-ins/bedrock-frames.ts';
import { answerEvents } from '../../../../support/upstream.ts';
import { type Decoded, decoded } from './source-of-chunks.ts';

const answer = answerEvents(['Good ', 'morning']);
const frames = framesOf(answer.map((text) => JSON.parse(text.split('data: ')[1] ?? '')));
const whole = Buffer.concat(frames);

const PRIVATE = 'account 123456789012';

/** The error event that a stream ends with. */
function errorIn({ text }: Decoded): unknown {
  return JSON.parse(text.slice(text.indexOf('event: error\ndata: ')).split('data: ')[1] ?? '');
}

describe('a damaged stream', () => {
  it('is given up at the damage, whatever bit it is and however the stream is cut', () => {
    fc.assert(
      fc.property(fc.nat(whole.length * 8 - 1), fc.nat(whole.length), (bit, cut) => {
        const damaged = Buffer.from(whole);
        const byte = bit >> 3;
        damaged[byte] = (damaged[byte] ?? 0) ^ (1 << (bit & 7));
        const { text, ending, isAborted } = decoded([damaged.subarray(0, cut), damaged.subarray(cut)]);
        let sound = 0;
        for (let end = 0; end <= byte; sound += 1) end += frames[sound]?.length ?? 0;
        expect(text).toBe(answer.slice(0, sound - 1).join(''));
        expect(ending).toBe('a frame of its stream has a wrong checksum');
        expect(isAborted).toBe(true);
      }),
      many(),
    );
  });

  it('of any bytes is refused or waited for, and never hangs or throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 200 }), (bytes) => {
        expect(decoded([Buffer.from(bytes)])).toMatchObject({
          text: '',
          ending: 'a frame of its stream has a wrong checksum',
        });
      }),
      many(),
    );
  });

  it.each([
    ['more bytes than any frame has', 16 * 1024 * 1024 + 1, 0, /announces 16777217 bytes, 0 of them headers/],
    ['more headers than any frame has', 1024 * 1024, 128 * 1024 + 1, /announces 1048576 bytes, 131073/],
    ['fewer bytes than a frame has', 15, 0, /more headers than bytes/],
    ['headers that reach past its end', 100, 85, /more headers than bytes/],
  ])('that announces %s is refused at once', (_case, total, headers, message) => {
    const prelude = Buffer.alloc(12);
    prelude.writeUInt32BE(total, 0);
    prelude.writeUInt32BE(headers, 4);
    prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
    expect(decoded([whole, prelude])).toMatchObject({
      text: answer.join(''),
      ending: expect.stringMatching(message),
    });
  });

  it.each([
    ['a name', [200, 1, 2]],
    ['no type', [1, 65]],
    ['a type that does not exist', [1, 65, 10]],
    ['no length of a string', [1, 65, 7, 0]],
    ['a string', [1, 65, 7, 0, 9, 65]],
    ['a number', [1, 65, 5, 0, 0]],
  ])('whose headers are cut off at %s is refused', (_case, headers) => {
    expect(decoded([rawFrame(Buffer.from(headers))]).ending).toBe(
      'a frame of its stream has headers that cannot be read',
    );
  });

  it('may have headers of every type', () => {
    const sizes = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];
    const others = sizes.map((size, type) =>
      size === undefined
        ? Buffer.from([1, 65 + type, type, 0, 2, 1, 2])
        : Buffer.from([1, 65 + type, type, ...Array(size).fill(type)]),
    );
    expect(decoded([rawFrame(Buffer.concat(others)), whole]).text).toBe(answer.join(''));
  });

  it.each(['', '{}', '{"bytes":7}', 'no json'])('whose frame holds %j is refused', (payload) => {
    const broken = frame({ ':message-type': 'event', ':event-type': 'chunk' }, payload);
    const { text, ending } = decoded([whole, broken]);
    expect(text).toBe(answer.join(''));
    expect(ending).toMatch(/^a frame of its stream holds no (event|JSON)$/);
  });

  it('whose event is no JSON is refused', () => {
    expect(decoded([chunkFrame('{"type":')]).ending).toBe('a frame of its stream holds no JSON');
  });
});

describe('an exception in the middle of an answer', () => {
  it.each([
    ['throttlingException', 'rate_limit_error'],
    ['validationException', 'invalid_request_error'],
    ['modelTimeoutException', 'timeout_error'],
    ['serviceUnavailableException', 'overloaded_error'],
    ['internalServerException', 'api_error'],
    ['modelStreamErrorException', 'api_error'],
    ['someNewException', 'api_error'],
  ])('%s is an error event of type %s and ends the answer', (exception, type) => {
    const result = decoded([
      ...frames.slice(0, 3),
      Buffer.concat([exceptionFrame(exception, { message: PRIVATE }), ...frames.slice(3)]),
    ]);
    expect(result.text.startsWith(answer.slice(0, 3).join(''))).toBe(true);
    expect(errorIn(result)).toEqual({ type: 'error', error: { type, message: expect.any(String) } });
    expect(result.text).not.toContain(PRIVATE);
    expect(result.text.endsWith('\n\n')).toBe(true);
    expect(result.ending).toBe('end');
    expect(result.isAborted).toBe(true);
    expect(result.exceptions.map(({ message }) => message)).toEqual([`${exception}: ${PRIVATE}`]);
  });

  it('that nobody modelled is an error event too', () => {
    const headers = { ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': PRIVATE };
    const result = decoded([...frames.slice(0, 3), frame(headers, '')]);
    expect(errorIn(result)).toMatchObject({ error: { type: 'api_error' } });
    expect(result.exceptions.map(({ message }) => message)).toEqual([`InternalFailure: ${PRIVATE}`]);
  });
});

describe('an exception before any event', () => {
  it.each(['throttlingException', 'serviceUnavailableException', 'internalServerException'])(
    '%s is a failure, so that another upstream can serve',
    (exception) => {
      const result = decoded([exceptionFrame(exception, { message: PRIVATE })]);
      expect(result).toMatchObject({ text: '', ending: `${exception}: ${PRIVATE}`, isAborted: true });
    },
  );

  it('that is about the request is told to the client', () => {
    const result = decoded([exceptionFrame('validationException', { message: 'no' })]);
    expect(errorIn(result)).toMatchObject({ error: { type: 'invalid_request_error' } });
    expect(result.ending).toBe('end');
  });

  it('that names a refused field says so in the words that clients recover from', () => {
    const message = 'tools.0.custom.strict: Extra inputs are not permitted';
    expect(errorIn(decoded([exceptionFrame('validationException', { message })]))).toMatchObject({
      error: { type: 'invalid_request_error', message },
    });
  });

  it('about a prompt that is too long says so in the words that clients act on', () => {
    const message = 'The model returned the following errors: prompt is too long: 210000 tokens > 200000';
    expect(errorIn(decoded([exceptionFrame('validationException', { message })]))).toMatchObject({
      error: { type: 'invalid_request_error', message: 'capability_rejected: prompt_too_long' },
    });
  });
});

/** A frame with these bytes as headers and no payload. */
function rawFrame(headers: Buffer): Buffer {
  const bytes = Buffer.alloc(16 + headers.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  headers.copy(bytes, 12);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}
