import { addAbortSignal } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { GatewayApi } from '../client/gateway-api.ts';
import type { Machine } from '../client/machine.ts';
import type { MessageSummary } from '../client/message-stream.ts';
import { CodedError, isCodedError } from '../kernel/coded-error.ts';
import { notes } from './help-layout.ts';
import type { Host } from './host.ts';

interface AskOptions {
  readonly gatewayUrl?: string;
  readonly model?: string;
}

export function registerAsk(program: Command, host: Host, machine?: Machine): void {
  program
    .command('ask')
    .summary('send one message and stream the answer')
    .description(
      'Sends one message and streams the answer to stdout. What is piped in is added to the message.',
    )
    .argument('[prompt...]', 'the message')
    .option('--gateway-url <url>', 'the gateway (default: the one signed in to last)')
    .option('--model <id>', 'the model (default: the newest Sonnet you may use, or else the first model)')
    .addHelpText('after', notes(EXAMPLES))
    .action((prompt: string[], options: AskOptions) => ask(host, prompt, options, machine));
}

/** Throws `bad_usage` without a message, `gateway_refused` for policy and caps, and what keeps the answer from coming. */
export async function ask(
  host: Host,
  words: readonly string[],
  { gatewayUrl, model }: AskOptions,
  machine?: Machine,
): Promise<void> {
  const prompt = await readPrompt(host, words);
  const { withSession } = await import('./developer.ts');
  await withSession(host, machine, gatewayUrl, async ({ api }) => {
    const body = {
      model: model ?? (await fallbackModel(api)),
      max_tokens: MOST_TOKENS,
      stream: !host.options.json,
      messages: [{ role: 'user', content: prompt }],
    };
    const startedMs = host.clock.monotonicMs();
    const response = await api.sendMessage(body, host.interrupted);
    const requestId = headerText(response.headers['x-upstream-request-id']);
    if (host.options.json) {
      await printRaw(host, response.body);
      return;
    }
    const { summary, firstTextMs } = await printStream(host, response.body);
    const waitMs = firstTextMs === undefined ? undefined : Math.round(firstTextMs - startedMs);
    host.stderr.write(`${host.colour.dim(statistics(summary, waitMs, requestId))}\n`);
    const note = endNote(summary.stopReason);
    if (note) host.stderr.write(`${host.colour.yellow(note)}\n`);
  });
}

const MOST_TOKENS = 8192;

/** The words of the command line, then what is piped in. */
async function readPrompt(host: Host, words: readonly string[]): Promise<string> {
  const piped = (await readPiped(host)).trimEnd();
  const prompt = [words.join(' '), piped].filter((part) => part.trim() !== '').join('\n\n');
  if (prompt === '') throw new CodedError('bad_usage', { detail: 'There is nothing to ask: give a message' });
  return prompt;
}

/** A pipe that somebody holds open without writing would have this wait without a word. */
const PATIENCE_MS = 2_000;

async function readPiped(host: Host): Promise<string> {
  const { stdin, stderr, clock, interrupted } = host;
  if ('isTTY' in stdin && stdin.isTTY === true) return '';
  const ended = new AbortController();
  const say = () => stderr.write(`Waiting for stdin to end, ${WHY_STDIN}\n`);
  clock.sleep(PATIENCE_MS, ended.signal).then(say, () => undefined);
  try {
    return await readAll(addAbortSignal(interrupted, stdin));
  } catch (error) {
    interrupted.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
  }
}

const WHY_STDIN =
  'since what is piped in is added to the message. To ask without it: sallyport ask … </dev/null';

async function fallbackModel(api: GatewayApi): Promise<string> {
  const { defaultModel } = await import('./default-model.ts');
  const model = defaultModel(await api.models());
  if (!model) throw new CodedError('model_not_allowed', { detail: 'No model is allowed for you' });
  return model.id;
}

/** Text as it comes, cleaned of control characters, no faster than stdout takes it. */
async function printStream(host: Host, body: AsyncIterable<Uint8Array>) {
  const { readMessageStream } = await import('../client/message-stream.ts');
  const { printableText } = await import('../client/printable.ts');
  let firstTextMs: number | undefined;
  let isLineOpen = false;
  const onText = async (text: string) => {
    firstTextMs ??= host.clock.monotonicMs();
    isLineOpen = !text.endsWith('\n');
    await write(host, printableText(text));
  };
  try {
    return { summary: await readMessageStream(body, onText), firstTextMs };
  } catch (error) {
    // An answer that ends because of Ctrl-C is not one that broke off.
    if (isCodedError(error, 'upstreams_failed')) host.interrupted.throwIfAborted();
    throw error;
  } finally {
    if (isLineOpen) await write(host, '\n');
  }
}

/** The bytes as they came; on a terminal cleaned, since they may be anything. */
async function printRaw(host: Host, body: AsyncIterable<Uint8Array>): Promise<void> {
  const { printableText } = await import('../client/printable.ts');
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    await write(host, host.stdoutIsTerminal ? printableText(decoder.decode(chunk, { stream: true })) : chunk);
  }
  await write(host, '\n');
}

function write({ stdout }: Host, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** Tokens, the wait for the first of them, and the upstream's id for support questions. */
function statistics(
  { inputTokens, outputTokens }: MessageSummary,
  waitMs: number | undefined,
  requestId: string | undefined,
): string {
  return [
    `${inputTokens} input + ${outputTokens} output tokens`,
    ...(waitMs === undefined ? [] : [`first token after ${waitMs} ms`]),
    ...(requestId ? [`upstream request ${requestId}`] : []),
  ].join(' · ');
}

function endNote(stopReason: string | undefined): string | undefined {
  if (stopReason === 'max_tokens') return `The answer was cut at ${MOST_TOKENS} tokens`;
  if (stopReason === 'refusal') return 'The model refused to answer';
  return undefined;
}

function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value.replace(/[^\x21-\x7e]/g, '') : undefined;
}

const EXAMPLES = `
Examples:
  $ sallyport ask "What is a sally port?"
  $ git diff | sallyport ask "Review this change" --model claude-sonnet-4-5`;
