import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerAsk } from '../../src/commands/ask.ts';
import { type Handler, json, type StandIn, startStandIn } from '../client/stand-in-gateway.ts';
import { createTestMachine } from '../client/test-machine.ts';
import { type MemoryHost, type MemoryHostOptions, runCommand } from '../support/memory-host.ts';
import { createDeveloperWorld, type DeveloperWorld } from './developer-world.ts';

let world: DeveloperWorld;
let server: StandIn;

beforeEach(async () => {
  world = await createDeveloperWorld();
});

afterEach(async () => {
  await server.close();
  await world.remove();
});

const event = (type: string, more: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const delta = (text: string) =>
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
const start = event('message_start', { message: { usage: { input_tokens: 12, output_tokens: 1 } } });
const end = (reason = 'end_turn') =>
  event('message_delta', { delta: { stop_reason: reason }, usage: { output_tokens: 34 } }) +
  event('message_stop');

const streaming =
  (...parts: string[]): Handler =>
  (_request, response) => {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'x-upstream-request-id': 'req_upstream_1',
    });
    response.end(parts.join(''));
  };

async function startGateway(messages: Handler): Promise<void> {
  server = await startStandIn({
    routes: {
      'POST /v1/messages': messages,
      'GET /v1/models': (_request, response) =>
        json(response, 200, { data: [{ id: 'first-model' }, { id: 'second-sonnet' }] }),
      'POST /oauth/token': (_request, response) => json(response, 401, { error: 'invalid_grant' }),
    },
  });
  await world.signIn({ gateway: server.origin });
}

const run = (host: MemoryHost, argv: readonly string[]) =>
  runCommand(host, (program, given) => registerAsk(program, given, createTestMachine({})), ['ask', ...argv]);

async function ask(messages: Handler, argv: readonly string[], options: MemoryHostOptions = {}) {
  await startGateway(messages);
  return run(world.host(options), argv);
}

const sent = (): unknown => JSON.parse(server.seen.at(-1)?.body ?? '');

describe('ask', () => {
  it('streams the answer to stdout and its figures to stderr', async () => {
    const { exitCode, stdout, stderr } = await ask(streaming(start, delta('Hello, '), delta('you.'), end()), [
      'say',
      'hello',
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe('Hello, you.\n');
    expect(stderr).toMatch(
      /^12 input \+ 34 output tokens · first token after \d+ ms · upstream request req_upstream_1\n$/,
    );
    expect(sent()).toMatchObject({
      model: 'second-sonnet',
      stream: true,
      messages: [{ role: 'user', content: 'say hello' }],
    });
  });

  it('adds what is piped in, and takes it alone too', async () => {
    const answer = streaming(start, delta('ok\n'), end());
    expect((await ask(answer, ['Review', 'this'], { stdin: 'diff\nlines\n' })).stdout).toBe('ok\n');
    expect(sent()).toMatchObject({ messages: [{ content: 'Review this\n\ndiff\nlines' }] });
    await server.close();
    await ask(answer, [], { stdin: 'only this' });
    expect(sent()).toMatchObject({ messages: [{ content: 'only this' }] });
  });

  it('asks the model that is named without asking which there are', async () => {
    await ask(streaming(start, end()), ['hi', '--model', 'named']);
    expect(sent()).toMatchObject({ model: 'named' });
    expect(server.seen.map(({ url }) => url)).toEqual(['/v1/messages']);
  });

  it('prints the raw response with --json', async () => {
    const raw = '{"type":"message","content":[{"type":"text","text":"hi"}]}';
    const answer: Handler = (_request, response) => void response.writeHead(200).end(raw);
    const { stdout, stderr } = await ask(answer, ['hi'], { json: true });
    expect(stdout).toBe(`${raw}\n`);
    expect(stderr).toBe('');
    expect(sent()).toMatchObject({ stream: false });
  });

  it('prints an answer without control characters', async () => {
    const { stdout } = await ask(streaming(start, delta('a\u001b[2Jb\tc\nd\u0007'), end()), ['hi']);
    expect(stdout).toBe('a[2Jb\tc\nd\n');
  });

  it('says that the answer was cut', async () => {
    expect((await ask(streaming(start, delta('x'), end('max_tokens')), ['hi'])).stderr).toContain('was cut');
  });

  it('needs something to ask', async () => {
    expect(await ask(streaming(), [' '], { stdin: '\n' })).toMatchObject({ exitCode: 2, stdout: '' });
    expect(server.seen).toEqual([]);
  });

  const refusals: readonly [number, string, string, Record<string, string>, number, string][] = [
    [
      400,
      'invalid_request_error',
      'Model x is not allowed; allowed: y',
      {},
      5,
      'The gateway says: Model x is not allowed; allowed: y',
    ],
    [403, 'permission_error', 'Not permitted', {}, 5, 'Not permitted'],
    [
      429,
      'billing_error',
      'spend limit reached (monthly; resets 2027-01-01 00:00 UTC)',
      {},
      5,
      'spend limit reached',
    ],
    [429, 'rate_limit_error', 'Slow down', { 'retry-after': '7' }, 1, 'Slow down\nTry again in 7 seconds.'],
    [401, 'authentication_error', 'invalid', {}, 3, 'is over'],
    [413, 'request_too_large', 'Too large', {}, 1, 'Too large'],
    [502, 'api_error', 'all upstreams failed (2 attempted)', {}, 1, 'all upstreams failed (2 attempted)'],
    [529, 'overloaded_error', 'Overloaded', {}, 1, 'Overloaded'],
    [500, 'api_error', 'bad \u001b[31mred', {}, 1, 'bad [31mred'],
  ];
  it.each(refusals)(
    'puts %i %s into a sentence',
    async (status, type, message, headers, exitCode, sentence) => {
      const refusing: Handler = (_request, response) =>
        json(response, status, { type: 'error', error: { type, message }, request_id: 'r' }, headers);
      const result = await ask(refusing, ['hi']);
      expect(result).toMatchObject({ exitCode, stdout: '' });
      expect(result.stderr).toContain(sentence);
    },
  );

  it('keeps what came and fails when the answer breaks off', async () => {
    const breaking: Handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(start + delta('The first half'), () => response.destroy());
    };
    const { exitCode, stdout, stderr } = await ask(breaking, ['hi']);
    expect(exitCode).toBe(1);
    expect(stdout).toBe('The first half\n');
    expect(stderr).toContain('broke off');
  });

  it('ends with 130 on Ctrl-C, also in the middle of an answer', async () => {
    const host = world.host();
    await startGateway((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(start + delta('half'));
    });
    host.stdout.once('data', () => host.interrupt());
    const { exitCode, stdout } = await run(host, ['hi']);
    expect(exitCode).toBe(130);
    expect(stdout).toBe('half\n');
  });
});
