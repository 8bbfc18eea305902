import { afterAll, beforeAll, expect, it } from 'vitest';
import { MARK, openWorld, SOUND, soundly, type World } from '../support/chaos-world.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import type { Asking, Served } from '../support/inference-ledger.ts';
import { type Answerer, startStream, stream } from '../support/upstream.ts';

const AT_ONCE = 8;
const TEXT = SOUND.join('');
const HALF = TEXT.slice(0, TEXT.indexOf(MARK) + 5);

/** An answer in the upstream's own spelling. */
const raw =
  (head: readonly string[], body: string | Buffer = ''): Answerer =>
  (_request, { socket }) => {
    socket?.write(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
    socket?.end(body);
  };
/** A stream that goes no further. */
const begins =
  (text?: string): Answerer =>
  (_request, response) => {
    startStream(response);
    if (text === undefined) response.flushHeaders();
    else response.write(text);
  };
const OK = ['HTTP/1.1 200 OK', 'content-type: text/event-stream'];
const WHOLE = ['HTTP/1.1 200 OK', 'content-type: application/json'];

/** What the developer sees, and what the audit trail says of it. */
interface Effect {
  readonly meanwhile: string;
  readonly served: Partial<Served>;
  readonly event: Readonly<Record<string, unknown>>;
}

const UNNOTICED: Effect = {
  meanwhile: 'the next one serves and nobody notices',
  served: { status: 200, isComplete: true },
  event: { outcome: 'complete', upstream: 'second', attempts: 2, input_tokens: 12, output_tokens: 3 },
};
const BROKEN: Effect = {
  meanwhile: 'the stream looks broken',
  served: { status: 200, isComplete: false },
  event: { outcome: 'upstream_broke', upstream: 'first', attempts: 1, input_tokens: 12 },
};
const WELL: Effect = {
  meanwhile: 'every byte arrives',
  served: { status: 200, isComplete: true },
  event: { outcome: 'complete', upstream: 'first', attempts: 1, input_tokens: 12, output_tokens: 3 },
};

interface Trouble extends Effect {
  readonly upstream: string;
  readonly answer: Answerer;
  readonly asking?: Asking;
  readonly text?: string | RegExp;
}

const STREAM: Asking = { isStreamed: true };

const troubles: readonly Trouble[] = [
  { upstream: 'never answers', answer: () => undefined, ...UNNOTICED, text: TEXT },
  {
    upstream: 'stalls after the head',
    answer: begins(),
    ...UNNOTICED,
    text: TEXT,
  },
  {
    upstream: 'stalls between events',
    answer: begins(SOUND.slice(0, 3).join('')),
    ...BROKEN,
    text: /event: error\ndata: .*"api_error".*\n\n$/,
  },
  {
    upstream: 'stalls in the middle of an event',
    answer: begins(HALF),
    ...BROKEN,
    text: HALF,
  },
  { upstream: 'ends in the middle of an event', answer: stream(HALF), ...BROKEN, text: HALF },
  { upstream: 'drips', answer: drip, ...WELL, text: TEXT },
  {
    upstream: 'announces more than it sends',
    answer: raw([...OK, 'content-length: 100000'], TEXT.slice(0, 600)),
    ...BROKEN,
    text: TEXT.slice(0, 600),
  },
  {
    upstream: 'announces less than it sends',
    answer: raw([...OK, 'content-length: 600'], TEXT),
    ...BROKEN,
    text: TEXT.slice(0, 600),
  },
  {
    upstream: 'announces more of a whole answer than it sends',
    answer: raw([...WHOLE, 'content-length: 1000'], '{"type":"message"'),
    asking: {},
    ...UNNOTICED,
  },
  {
    upstream: 'cuts a chunk short',
    answer: raw([...OK, 'transfer-encoding: chunked'], `${TEXT.length.toString(16)}\r\n${HALF}`),
    ...BROKEN,
    text: HALF,
  },
  {
    upstream: 'says nonsense of the length of a chunk',
    answer: raw([...OK, 'transfer-encoding: chunked'], `ffffffffffffffff1\r\n${TEXT}`),
    ...UNNOTICED,
    text: TEXT,
  },
  {
    upstream: 'announces two lengths',
    answer: raw([...OK, 'content-length: 10', `content-length: ${TEXT.length}`], TEXT),
    ...UNNOTICED,
    text: TEXT,
  },
  {
    upstream: 'sends a second answer that nobody asked for',
    answer: (_request, { socket }) => {
      const head = [...OK, `content-length: ${TEXT.length}`].join('\r\n');
      // The connection stays, as for the next request.
      socket?.write(`${head}\r\n\r\n${TEXT}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`);
    },
    ...WELL,
    text: TEXT,
  },
  { upstream: 'does not speak HTTP', answer: raw(['SSH-2.0-OpenSSH']), ...UNNOTICED, text: TEXT },
  {
    upstream: 'sends invalid UTF-8',
    answer: stream(...SOUND.slice(0, 3), Buffer.from('c328fffe800a', 'hex'), ...SOUND.slice(3)),
    ...WELL,
    text: [...SOUND.slice(0, 3), '\xc3\x28\xff\xfe\x80\n', ...SOUND.slice(3)].join(''),
  },
];

function drip(_request: unknown, response: Parameters<Answerer>[1]): void {
  startStream(response);
  let at = 0;
  const next = (): void => {
    if (at === TEXT.length) return void response.end();
    response.write(TEXT[at] ?? '');
    at += 1;
    setImmediate(next);
  };
  next();
}

let world: World;

beforeAll(async () => {
  world = await openWorld({ store: { embedded: await newEmbeddedFolder() } });
});

afterAll(() => world?.close());

it.each(troubles)(
  'while an upstream $upstream, $meanwhile; afterwards all is as before',
  async ({ answer, asking = STREAM, served, event, text }) => {
    world.first.answer = answer;
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => world.infer(asking)));
    for (const got of answers) {
      expect(got).toMatchObject(served);
      if (typeof text === 'string') expect(got.text).toBe(text);
      else if (text) expect(got.text).toMatch(text);
      expect(await world.ledger.eventOf(got.id)).toMatchObject(event);
    }
    world.first.answer = soundly;
    await world.expectSteady();
  },
);
