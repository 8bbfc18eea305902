import type { Json } from '../support/stand-ins/stand-in.ts';

/** Answers of the Messages API, whole and as the events that a stream makes of them. */

const USAGE = {
  input_tokens: 1234,
  output_tokens: 56,
  cache_read_input_tokens: 7,
  cache_creation_input_tokens: 8,
};

type Block = Json & { readonly type: string };

export const TEXT = message('end_turn', [{ type: 'text', text: 'Grüße from the stand-in.' }]);

export const TOOL_USE = message('tool_use', [
  { type: 'text', text: 'I look it up.' },
  { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Zürich', days: [1, 2] } },
]);

export const THINKING = message('end_turn', [
  { type: 'thinking', thinking: 'First this, then that.', signature: 'c2lnbmF0dXJl' },
  { type: 'text', text: 'That.' },
]);

function message(stopReason: string, content: readonly Block[]) {
  return {
    id: 'msg_contract',
    type: 'message',
    role: 'assistant',
    model: 'claude-stand-in',
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: USAGE,
  };
}

/** Each text in two deltas; of the usage the output comes last. */
export function eventsOf({ content, stop_reason, usage, ...head }: typeof TEXT): readonly Json[] {
  return [
    {
      type: 'message_start',
      message: {
        ...head,
        content: [],
        stop_reason: null,
        usage: { ...usage, output_tokens: 1 },
      },
    },
    ...content.flatMap((block, index) => [
      { type: 'content_block_start', index, content_block: emptied(block) },
      ...deltasOf(block).map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence: null },
      usage: { output_tokens: usage.output_tokens },
    },
    { type: 'message_stop' },
  ];
}

function emptied(block: Block): Json {
  switch (block.type) {
    case 'text':
      return { ...block, text: '' };
    case 'thinking':
      return { ...block, thinking: '', signature: '' };
    default:
      return { ...block, input: {} };
  }
}

function deltasOf(block: Block): readonly Json[] {
  switch (block.type) {
    case 'text':
      return halves(String(block['text'])).map((text) => ({ type: 'text_delta', text }));
    case 'thinking':
      return [
        ...halves(String(block['thinking'])).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block['signature'] },
      ];
    default:
      return halves(JSON.stringify(block['input'])).map((partial_json) => ({
        type: 'input_json_delta',
        partial_json,
      }));
  }
}

function halves(text: string): readonly string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}
