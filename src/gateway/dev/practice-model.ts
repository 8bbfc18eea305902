import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';

const Block = z.object({ type: z.string(), text: z.string().optional() });
const RequestShape = z.object({
  model: z.string(),
  stream: z.boolean().optional(),
  max_tokens: z.number().int().positive().optional(),
  messages: z.array(z.object({ role: z.string(), content: z.union([z.string(), z.array(Block)]) })).min(1),
});
type PracticeRequest = z.infer<typeof RequestShape>;

const WORD_DELAY_MS = 15;
const CHARACTERS_PER_TOKEN = 4;

/**
 * An upstream in Messages format that needs no account: it streams an answer made from the prompt, with usage numbers
 * like a real one's. Returns whether the request was its own.
 */
export function createPracticeModel(
  mountPath: string,
): (message: IncomingMessage, response: ServerResponse) => boolean {
  return (message, response) => {
    const path = (message.url ?? '').split('?')[0] ?? '';
    if (!path.startsWith(`${mountPath}/`)) return false;
    serve(path.slice(mountPath.length), message, response).catch(() => response.destroy());
    return true;
  };
}

async function serve(path: string, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const parsed = RequestShape.safeParse(await readJson(message));
  if (!parsed.success)
    return answerError(response, 400, 'invalid_request_error', 'messages: at least one message is required');
  if (path === '/v1/messages/count_tokens')
    return answerJson(response, 200, { input_tokens: tokensIn(promptOf(parsed.data)) });
  if (path !== '/v1/messages') return answerError(response, 404, 'not_found_error', 'no such endpoint');
  if (parsed.data.max_tokens === undefined)
    return answerError(response, 400, 'invalid_request_error', 'max_tokens: field required');
  if (parsed.data.stream) await stream(parsed.data, response);
  else answerJson(response, 200, wholeMessage(parsed.data));
}

async function stream(request: PracticeRequest, response: ServerResponse): Promise<void> {
  const words = answerTo(request).split(/(?<= )/);
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'request-id': requestId(),
  });
  const send = (type: string, data: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  const message = { ...wholeMessage(request), content: [], stop_reason: null, usage: usageOf(request, 1) };
  send('message_start', { message });
  send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  send('ping', {});
  for (const text of words) {
    if (response.destroyed) return;
    send('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
    await new Promise((resolve) => setTimeout(resolve, WORD_DELAY_MS));
  }
  send('content_block_stop', { index: 0 });
  send('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: tokensIn(words.join('')) },
  });
  send('message_stop', {});
  response.end();
}

function wholeMessage(request: PracticeRequest) {
  const text = answerTo(request);
  return {
    id: `msg_practice${Math.random().toString(36).slice(2, 14)}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: usageOf(request, tokensIn(text)),
  };
}

function answerTo(request: PracticeRequest): string {
  const prompt = promptOf(request).trim().replace(/\s+/g, ' ');
  const quoted = prompt.length > 400 ? `${prompt.slice(0, 400)}…` : prompt;
  const words = prompt.split(' ').length;
  return (
    `This is the practice model of your gateway, standing in for ${request.model}. ` +
    `You wrote ${words} ${words === 1 ? 'word' : 'words'}: “${quoted}” ` +
    'A real model would answer now. Set ANTHROPIC_API_KEY before you start the gateway to talk to one.'
  );
}

function usageOf(request: PracticeRequest, outputTokens: number) {
  const everything = tokensIn(JSON.stringify(request.messages));
  return {
    input_tokens: everything,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: outputTokens,
  };
}

/** The text of the last message. */
function promptOf({ messages }: PracticeRequest): string {
  const content = messages.at(-1)?.content ?? '';
  return typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('\n');
}

function tokensIn(text: string): number {
  return Math.max(1, Math.ceil(text.length / CHARACTERS_PER_TOKEN));
}

function requestId(): string {
  return `req_practice${Math.random().toString(36).slice(2, 14)}`;
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': requestId() });
  response.end(JSON.stringify(body));
}

function answerError(response: ServerResponse, status: number, type: string, message: string): void {
  answerJson(response, status, { type: 'error', error: { type, message } });
}

async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}
