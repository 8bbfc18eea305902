import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventReader, type EventReader } from '../../../src/gateway/relay/event-reader.ts';
import { many } from '../../support/property-runs.ts';
import { answerEvents, event } from '../../support/upstream.ts';

function readAll(pieces: readonly Buffer[]): EventReader {
  const reader = createEventReader();
  for (const piece of pieces) reader.read(piece);
  return reader;
}

const read = (text: string): EventReader => readAll([Buffer.from(text)]);

const verdict = (reader: EventReader) => ({
  usage: reader.usage(),
  isComplete: reader.isComplete(),
  hasErrorEvent: reader.hasErrorEvent(),
  isAtBoundary: reader.isAtBoundary(),
});

/** Cuts bytes at the given places, which need be neither sorted nor in range. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((start, i) => bytes.subarray(start, sorted[i] ?? bytes.length));
}

const nastyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    'event: message_stop\n\n',
    '\n\nevent: error\ndata: {}\n\n',
    '"usage":{"output_tokens":9999}',
    '{"type":"message_delta","usage":{"output_tokens":1}}',
  ),
);

const anyEvent = fc.oneof(
  nastyText.map((text) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
  nastyText.map((text) => event('made_up', { text })),
  fc.nat(5_000).map((tokens) => event('message_delta', { delta: {}, usage: { output_tokens: tokens } })),
  fc.nat(5_000).map((tokens) => event('message_start', { message: { usage: { input_tokens: tokens } } })),
  fc.constantFrom(
    event('ping'),
    event('message_stop'),
    event('error', { error: { type: 'overloaded_error', message: 'busy' } }),
    ': a comment\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta",\ndata: "index":0}\n\n',
    'event: content_block_delta\ndata: {}\nevent: message_stop\n\n',
    'event: message_delta\ndata: {"usage":\ndata: {"output_tokens":\ndata:31}}\n\n',
    'data: {"type":"message_delta","usage":{"output_tokens":8}}\n\n',
    'event: message_delta\ndata: not json\n\n',
    'id: 7\nretry: 10\nevent:message_stop\ndata:{}\n\n',
    '\n',
  ),
);

describe('the event reader', () => {
  it('says the same however the stream is cut into chunks, with LF and with CRLF', () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 12 }),
        fc.boolean(),
        fc.nat(200),
        fc.array(fc.nat(4_000), { maxLength: 40 }),
        (events, isCrlf, missing, places) => {
          const text = events.join('');
          const whole = Buffer.from(isCrlf ? text.replaceAll('\n', '\r\n') : text);
          const bytes = whole.subarray(0, Math.max(0, whole.length - (missing % 3 === 0 ? missing : 0)));
          expect(verdict(readAll(cut(bytes, places)))).toEqual(verdict(readAll([bytes])));
        },
      ),
      many(),
    );
  });

  it('says the same when every byte comes alone', () => {
    const bytes = Buffer.from(answerEvents(['héllo', '\n\n', 'x'.repeat(500)], 42).join(''));
    const single = [...bytes].map((_, i) => bytes.subarray(i, i + 1));
    expect(verdict(readAll(single))).toEqual(verdict(readAll([bytes])));
    expect(readAll(single).usage().outputTokens).toBe(42);
  });

  it('agrees with a parser that decodes everything', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 12 }), (events) => {
        const reader = read(events.join(''));
        const names = events.flatMap((text) => [...text.matchAll(/^event: ?(\w+)$/gm)].at(-1)?.[1] ?? []);
        expect(reader.isComplete()).toBe(names.includes('message_stop'));
        expect(reader.hasErrorEvent()).toBe(names.includes('error'));
        expect(reader.isAtBoundary()).toBe(true);
      }),
      many(),
    );
  });

  it("takes the start's counts and replaces them by the last delta's, never adding", () => {
    const reader = read(
      event('message_start', {
        message: {
          usage: {
            input_tokens: 10,
            output_tokens: 1,
            cache_read_input_tokens: null,
            cache_creation_input_tokens: 7,
          },
        },
      }) +
        event('message_delta', { usage: { output_tokens: 20, input_tokens: null } }) +
        event('message_delta', { usage: { output_tokens: 25, cache_read_input_tokens: 3 } }),
    );
    expect(reader.usage()).toEqual({
      inputTokens: 10,
      outputTokens: 25,
      cacheReadTokens: 3,
      cacheWriteTokens: 7,
    });
  });

  it('passes over counts that are no counts', () => {
    const reader = read(
      event('message_start', { message: { usage: { input_tokens: 10, output_tokens: 2 } } }) +
        event('message_delta', { usage: { input_tokens: -4, output_tokens: 'many' } }),
    );
    expect(reader.usage()).toMatchObject({ inputTokens: 10, outputTokens: 2 });
  });

  it('estimates output from the text until the final count comes', () => {
    const events = answerEvents(['x'.repeat(400), 'y'.repeat(400)], 999);
    const floor = read(events.slice(0, 4).join('')).usage().outputTokens;
    expect(floor).toBe(200);
    expect(read(events.join('')).usage().outputTokens).toBe(999);
  });

  it('does not count a signature as text', () => {
    const signature = 's'.repeat(4_000);
    const delta = event('content_block_delta', { index: 12, delta: { type: 'signature_delta', signature } });
    expect(read(delta).usage().outputTokens).toBeUndefined();
  });

  it('is at a boundary only where an event has ended', () => {
    const text = event('ping');
    for (let i = 1; i < text.length; i += 1) expect(read(text.slice(0, i)).isAtBoundary()).toBe(false);
    expect(read(text).isAtBoundary()).toBe(true);
    expect(read('').isAtBoundary()).toBe(true);
  });

  it('does not take an end that has no empty line after it', () => {
    expect(read('event: message_stop\ndata: {"type":"message_stop"}\n').isComplete()).toBe(false);
  });

  it('survives an event that never ends without keeping it', () => {
    const reader = read('event: message_start\ndata: ');
    for (let i = 0; i < 64; i += 1) reader.read(Buffer.alloc(64 * 1024, 0x61));
    reader.read(Buffer.from('\n\n'));
    expect(reader.isAtBoundary()).toBe(true);
    reader.read(Buffer.from(event('message_delta', { usage: { output_tokens: 5 } })));
    expect(reader.usage().outputTokens).toBe(5);
  });
});
