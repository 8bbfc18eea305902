import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createErrorEventFinder } from '../../../src/gateway/upstream/error-event-finder.ts';
import { many } from '../../support/property-runs.ts';
import { answerEvents } from '../../support/upstream.ts';

const ANSWER = answerEvents(['an error', 'event: error\n']).join('');
const ERRORS = [
  'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no"}}\n\n',
  'event:error\r\ndata:{"error":{"message":"no"}}\r\n\r\n',
  'data: {"type":"error","error":{"type":"api_error","message":"no"}}\n\n',
  'data: { "type": "error", "error": {} }\n\n',
  'data: {"error": {"code": 429, "message": "no"}}\n\n',
];

/** The bytes in chunks of these sizes, in turn. */
function cut(text: string, sizes: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

function parted(chunks: readonly Buffer[]) {
  const finder = createErrorEventFinder();
  let passed = '';
  for (const chunk of chunks) {
    const { passed: bytes, error } = finder.read(chunk);
    passed += bytes.toString('latin1');
    if (error) return { passed, error: error.toString('latin1'), isWhole: true };
  }
  const { passed: bytes, error } = finder.end();
  return { passed: passed + bytes.toString('latin1'), error: error?.toString('latin1'), isWhole: false };
}

const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

describe('an error event', () => {
  it('is found wherever a stream is cut, and nothing before it is lost', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ERRORS), sizes, (error, by) => {
        expect(parted(cut(ANSWER + error, by))).toEqual({
          passed: Buffer.from(ANSWER).toString('latin1'),
          error,
          isWhole: true,
        });
      }),
      many(),
    );
  });

  it('that is cut off comes when the stream has ended', () => {
    const [error = ''] = ERRORS;
    expect(parted(cut(ANSWER + error.slice(0, 40), [7]))).toMatchObject({
      error: error.slice(0, 40),
      isWhole: false,
    });
  });

  it('that never ends is given up after 64 KiB', () => {
    const endless = `event: error\ndata: ${'x'.repeat(200_000)}`;
    expect(parted(cut(endless, [10_000]))).toMatchObject({ passed: '', isWhole: true });
  });
});

describe('a stream without one', () => {
  it.each([
    ANSWER,
    'event: errors\ndata: {"type":"errors"}\n\n',
    'event: erro',
    'data: {"type":"text","error":1}\n\n',
    ': event: error\n\nid: event: error\n\n',
    'data: {"delta":"\\n\\nevent: error\\ndata: {}"}\n\n',
  ])('passes as it is, however it is cut: %j', (text) => {
    fc.assert(
      fc.property(sizes, (by) => {
        expect(parted(cut(text, by))).toEqual({
          passed: Buffer.from(text).toString('latin1'),
          error: undefined,
          isWhole: false,
        });
      }),
      many(),
    );
  });

  it('waits with a few bytes at most', () => {
    const finder = createErrorEventFinder();
    const chunk = Buffer.from('event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1"');
    expect(finder.read(chunk).passed).toEqual(chunk);
    expect(finder.read(Buffer.from('}}\n\nevent: er')).passed.toString()).toBe('}}\n\n');
    expect(finder.read(Buffer.from('ly\n')).passed.toString()).toBe('event: erly\n');
  });
});
