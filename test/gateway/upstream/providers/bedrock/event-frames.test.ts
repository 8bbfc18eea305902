import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventsFromFrames } from '../../../../../src/gateway/upstream/providers/bedrock/event-frames.ts';
import { judgedException } from '../../../../../src/gateway/upstream/providers/bedrock/judgement.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';
import { many } from '../../../../support/property-runs.ts';
import { chunkFrame, chunkPayload, frame, framesOf } from '../../../../support/stand-ins/bedrock-frames.ts';
import { answerEvents } from '../../../../support/upstream.ts';
import { decoded } from './source-of-chunks.ts';

const delta = (text: string) =>
  JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
const asEvent = (type: string, json: string) => `event: ${type}\ndata: ${json}\n\n`;

/** The events of an answer, and the frames that carry them. */
const answer = answerEvents(['Good ', 'morning, Zürich 🏔', '"quoted"\n']);
const frames = framesOf(answer.map((text) => JSON.parse(text.split('data: ')[1] ?? '')));
const whole = Buffer.concat(frames);

describe('frames of an event stream', () => {
  it('come out as the events that they hold, in one piece for what came in one', () => {
    const { text, pieces, ending } = decoded([whole]);
    expect(text).toBe(answer.join(''));
    expect(pieces).toHaveLength(1);
    expect(ending).toBe('end');
  });

  it('leave as they arrive', () => {
    expect(decoded(frames).pieces.map(String)).toEqual(answer);
  });

  it('may be cut into two anywhere', () => {
    for (let at = 0; at <= whole.length; at += 1) {
      const { text, ending } = decoded([whole.subarray(0, at), whole.subarray(at)]);
      expect([text, ending]).toEqual([answer.join(''), 'end']);
    }
  });

  it('may be cut into any number of chunks, whatever their text and padding', () => {
    const piece = fc.record({ text: fc.string({ unit: 'binary' }), padding: fc.string({ maxLength: 40 }) });
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(3_000), { maxLength: 12 }),
        (parts, cuts) => {
          const bytes = Buffer.concat(parts.map(({ text, padding }) => chunkFrame(delta(text), padding)));
          const offsets = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
          const chunks = offsets.slice(1).map((end, i) => bytes.subarray(offsets[i], end));
          expect(decoded(chunks).text).toBe(
            parts.map(({ text }) => asEvent('content_block_delta', delta(text))).join(''),
          );
        },
      ),
      many(),
    );
  });

  it('may come byte by byte', () => {
    const bytes = Array.from(whole, (byte) => Buffer.from([byte]));
    expect(decoded(bytes).text).toBe(answer.join(''));
  });

  it('may hold an event of megabytes', () => {
    const long = delta('x'.repeat(3 * 1024 * 1024));
    const bytes = chunkFrame(long);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) =>
      bytes.subarray(i * 65_536, (i + 1) * 65_536),
    );
    expect(decoded(chunks).text).toBe(asEvent('content_block_delta', long));
  });
});

describe('a slow reader', () => {
  it('makes the upstream itself stand still, and go on or stop', () => {
    const told: string[] = [];
    const source = {
      flow: () => undefined,
      pause: () => void told.push('pause'),
      resume: () => void told.push('resume'),
      abort: () => void told.push('abort'),
    };
    const events = eventsFromFrames(source, (exception) => judgedException(exception, {}, outgoingRequest()));
    events.pause();
    events.resume();
    events.abort();
    expect(told).toEqual(['pause', 'resume', 'abort']);
  });
});

describe('an event', () => {
  it('loses the figures that Bedrock adds to the last one, and nothing else', () => {
    const last = JSON.stringify({
      type: 'message_stop',
      note: 1,
      'amazon-bedrock-invocationMetrics': { inputTokenCount: 3 },
    });
    expect(decoded([chunkFrame(last)]).text).toBe(
      asEvent('message_stop', '{"type":"message_stop","note":1}'),
    );
  });

  it.each([
    ['its type is not the first member', '{"index":0, "type":"content_block_delta" }', 'content_block_delta'],
    ['its type is new', '{"type":"message_thought","n":12345678901234567890}', 'message_thought'],
  ])('keeps its bytes where %s', (_case, json, type) => {
    expect(decoded([chunkFrame(json)]).text).toBe(asEvent(type, json));
  });

  it('is one line of data, even where its JSON is on several', () => {
    const json = '{"type":"content_block_delta",\r\n  "index":0\n}';
    expect(decoded([chunkFrame(json)]).text).toBe(
      'event: content_block_delta\ndata: {"type":"content_block_delta",    "index":0 }\n\n',
    );
  });

  it.each(['{"index":1}', '{"type":7}', '[]', '{"type":"two\\nlines"}'])(
    'that names no type is left out: %s',
    (json) => {
      const { text, ending } = decoded([chunkFrame(json), chunkFrame(delta('a'))]);
      expect(text).toBe(asEvent('content_block_delta', delta('a')));
      expect(ending).toBe('end');
    },
  );

  it.each([
    ['padding first', (json: string) => JSON.stringify({ p: 'ab', bytes: base64(json) })],
    ['spaces', (json: string) => `{ "bytes" : "${base64(json)}" }`],
    ['escaped slashes', (json: string) => chunkPayload(json).replaceAll('/', '\\/')],
  ])('is found in a payload with %s', (_case, payload) => {
    const json = delta('???>>>???');
    const headers = { ':message-type': 'event', ':event-type': 'chunk' };
    expect(decoded([frame(headers, payload(json))]).text).toBe(asEvent('content_block_delta', json));
  });
});

describe('a frame of another kind', () => {
  it('is passed over, be its headers in another order or of other types', () => {
    const other = frame({ ':message-type': 'event', ':event-type': 'initial-response' }, '{}');
    const reordered = frame(
      { ':message-type': 'event', ':event-type': 'chunk', more: 'x' },
      chunkPayload(delta('a')),
    );
    const { text } = decoded([Buffer.concat([other, reordered, chunkFrame(delta('b'))])]);
    expect(text).toBe(
      asEvent('content_block_delta', delta('a')) + asEvent('content_block_delta', delta('b')),
    );
  });
});

describe('an end', () => {
  it('in the middle of a frame is none', () => {
    const { text, ending } = decoded([whole.subarray(0, whole.length - 5)]);
    expect(text).toBe(answer.slice(0, -1).join(''));
    expect(ending).toBe('its stream ended in the middle of a frame');
  });

  it('before message_stop is handed on as it is: the relay knows what it means', () => {
    expect(decoded(frames.slice(0, 3)).ending).toBe('end');
  });

  it('that is a failure comes after the events before it', () => {
    const { text, ending } = decoded(frames.slice(0, 3), new Error('reset'));
    expect([text, ending]).toEqual([answer.slice(0, 3).join(''), 'reset']);
  });

  it('is told once', () => {
    expect(decoded([Buffer.alloc(40), ...frames]).ending).toMatch(
      /^a frame of its stream has a wrong checksum$/,
    );
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
