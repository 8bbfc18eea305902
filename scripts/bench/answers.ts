// What the stand-ins for the Messages API answer in the benchmark and the soak.
import { framesOf } from '../../test/support/stand-ins/bedrock-frames.ts';

const usage = {
  input_tokens: 1200,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 1,
};
const message = {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5-20250929',
  content: [{ type: 'text', text: 'An answer of ordinary length. '.repeat(20) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { ...usage, output_tokens: 150 },
};
export const jsonAnswer = Buffer.from(JSON.stringify(message));
/** The events of one streamed answer. */
export const eventsOfAnswer: readonly string[] = sse();
/** The same answer as Bedrock's runtime streams it. */
export const framesOfAnswer: readonly Buffer[] = framesOf(
  eventsOfAnswer.map((event) => JSON.parse(event.slice(event.indexOf('{')))),
);

function sse(): string[] {
  const event = (type: string, data: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const deltas = Array.from({ length: 146 }, (_, i) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: `word ${i} ` } }),
  );
  return [
    event('message_start', { message: { ...message, content: [], stop_reason: null, usage } }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...deltas,
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 150 },
    }),
    event('message_stop', {}),
  ];
}
