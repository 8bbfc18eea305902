import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessageStream } from '../../src/client/message-stream.ts';
import { readEvents } from '../../src/client/server-sent-events.ts';
import { many } from '../support/property-runs.ts';

const encoder = new TextEncoder();

async function* chunks(text: string, size = text.length || 1): AsyncGenerator<Uint8Array> {
  const bytes = encoder.encode(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const event = (type: string, more: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const delta = (text: string) =>
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
const start = event('message_start', {
  message: { usage: { input_tokens: 7, cache_read_input_tokens: 3, output_tokens: 1 } },
});
const end =
  event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 42 } }) +
  event('message_stop');

async function read(text: string, size?: number) {
  const pieces: string[] = [];
  const summary = await readMessageStream(chunks(text, size), async (piece) => void pieces.push(piece));
  return { text: pieces.join(''), summary };
}

describe('a streamed answer', () => {
  it('gives its text and, with the last counts standing, its tokens', async () => {
    const stream = [start, event('ping'), delta('Hello, '), ': comment\n\n', delta('wörld 👋'), end].join('');
    for (const size of [1, 2, 3, 7, 1000]) {
      expect(await read(stream, size)).toEqual({
        text: 'Hello, wörld 👋',
        summary: { inputTokens: 10, outputTokens: 42, stopReason: 'end_turn' },
      });
    }
  });

  it('passes over what it does not know', async () => {
    const strange = 'data: not json\n\ndata: {"type":"from_the_future","x":1}\n\n';
    const thinking = event('content_block_delta', { delta: { type: 'thinking_delta', thinking: 'hm' } });
    expect((await read(start + strange + thinking + delta('x') + end)).text).toBe('x');
  });

  it('that holds an error event fails with its sentence, cleaned', async () => {
    const broken = event('error', { error: { type: 'overloaded_error', message: 'Over\u001b[31mloaded' } });
    await expect(read(start + delta('x') + broken)).rejects.toMatchObject({
      code: 'overloaded',
      facts: { message: 'Over[31mloaded' },
    });
  });

  it.each([
    ['before message_stop', start + delta('x')],
    ['in the middle of an event', `${start}event: content_bl`],
    ['before it began', ''],
  ])('that ends %s has broken off', async (_where, text) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'upstreams_failed',
      detail: expect.stringContaining('broke off'),
    });
  });
});

describe('server-sent events', () => {
  it('are the same however the bytes are cut and lines are ended', async () => {
    const part = fc.record({
      event: fc.constantFrom('', 'a', 'message_stop'),
      data: fc.array(fc.string({ unit: fc.constantFrom('x', ' ', ':', 'ü', '👋') }), {
        minLength: 1,
        maxLength: 3,
      }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 5 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.integer({ min: 1, max: 9 }),
        async (parts, newline, size) => {
          const text = parts
            .map((one) =>
              [
                ...(one.event ? [`event: ${one.event}`] : []),
                ...one.data.map((line) => `data: ${line}`),
                '',
                '',
              ].join(newline),
            )
            .join('');
          const found = [];
          // A last carriage return could be half of a line break: only more bytes tell.
          for await (const one of readEvents(chunks(`${text}:\n`, size))) found.push(one);
          expect(found).toEqual(
            parts.map((one) => ({ event: one.event || 'message', data: one.data.join('\n') })),
          );
        },
      ),
      many(),
    );
  });
});
