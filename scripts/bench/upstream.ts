// The upstream of the benchmark: reads the request, answers a fixed JSON message, or with ?case=sse 150 events at once.
import { createServer } from 'node:http';

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
const json = Buffer.from(JSON.stringify(message));
const events = Buffer.from(sse().join(''));

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (request.url?.includes('case=sse')) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_bench' });
      response.end(events);
    } else {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': json.length,
        'request-id': 'req_bench',
      });
      response.end(json);
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address && typeof address === 'object') console.log(address.port);
});

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
