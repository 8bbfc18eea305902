import { afterEach, describe, expect, it } from 'vitest';
import { wholeSource } from '../../../src/gateway/upstream/answer.ts';
import { type StripRule, withoutRefused } from '../../../src/gateway/upstream/learned-refusals.ts';
import type { OutgoingRequest } from '../../../src/gateway/upstream/provider.ts';
import { createAnthropic } from '../../../src/gateway/upstream/providers/anthropic.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { errorOf, post, startInferenceGateway } from '../../support/inference-gateway.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { outgoingRequest } from '../../support/outgoing-request.ts';
import { message, type Received, refusal, startUpstream } from '../../support/upstream.ts';

const HOURS = 3_600_000;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An upstream that refuses what `objection` objects to, behind a gateway that strips by this rule. */
async function standUp(strip: StripRule, objection: (received: Received) => string | undefined) {
  const upstream = await startUpstream((received, response) => {
    const text = objection(received);
    const answer = text === undefined ? message() : refusal(400, 'invalid_request_error', text);
    return answer(received, response);
  });
  closers.push(upstream.close);
  const clock = createManualClock();
  const log = createMemoryLog();
  const name = 'cloud';
  const anthropic = createAnthropic(
    {
      baseUrl: upstream.url,
      credential: { kind: 'api_key', apiKey: secret('key') },
      headers: {},
      forwardUserIdentity: false,
    },
    { name, clock, log, fetch },
  );
  const provider = withoutRefused(anthropic, { name, strip }, { clock, log });
  const gateway = await startInferenceGateway([{ name, url: upstream.url, provider }]);
  closers.push(gateway.close);
  return {
    clock,
    log,
    gateway,
    ask: (fields: object = {}, betas?: string, model = 'claude-test') =>
      post(
        gateway,
        { model, max_tokens: 100, messages: [], ...fields },
        betas === undefined ? {} : { headers: { 'anthropic-beta': betas } },
      ),
    /** What went to the upstream so far. */
    sent: () =>
      upstream.requests.map(({ headers, body }) => ({
        betas: headers['anthropic-beta'],
        body: JSON.parse(body.toString()),
      })),
  };
}

const refusing =
  (beta: string, text = `Unexpected value(s) \`${beta}\` for the \`anthropic-beta\` header`) =>
  ({ headers }: Received) =>
    String(headers['anthropic-beta'] ?? '').includes(beta) ? text : undefined;
const refusingField =
  (field: string, text = `${field}: Extra inputs are not permitted`) =>
  ({ body }: Received) =>
    body.includes(`"${field}"`) ? text : undefined;

describe('an upstream that refuses something harmless', () => {
  it('gets the request once more without the beta, and later ones at once', async () => {
    const { ask, sent, gateway, log } = await standUp('auto', refusing('token-efficient-tools-2025-02-19'));
    const betas = 'claude-code-20250219, token-efficient-tools-2025-02-19';
    expect((await ask({}, betas)).status).toBe(200);
    expect((await ask({}, betas)).status).toBe(200);
    expect(sent().map((request) => request.betas)).toEqual([
      betas,
      'claude-code-20250219',
      'claude-code-20250219',
    ]);
    expect(await gateway.event()).toMatchObject({ attempts: 1, status: 200 });
    expect(log.lines).toEqual([
      'warn upstream cloud: claude-test refuses token-efficient-tools-2025-02-19, which is left out there for 24 hours',
    ]);
  });

  it('gets no beta header where none is left', async () => {
    const { ask, sent } = await standUp('auto', refusing('token-efficient-tools-2025-02-19'));
    await ask({}, 'token-efficient-tools-2025-02-19');
    expect(sent()[1]?.betas).toBeUndefined();
  });

  it('need not name the beta where it got only one', async () => {
    const objection = refusing('token-efficient-tools-2025-02-19', 'invalid beta flag');
    const { ask, sent } = await standUp('auto', objection);
    expect((await ask({}, 'token-efficient-tools-2025-02-19')).status).toBe(200);
    expect((await ask({}, 'token-efficient-tools-2025-02-19,claude-code-20250219')).status).toBe(200);
    expect(sent()).toHaveLength(3);
  });

  it.each([
    ['metadata', { metadata: { user_id: 'x' } }],
    ['diagnostics', { diagnostics: { previous_message_id: 'x' } }],
  ])('gets the request without %s', async (field, fields) => {
    const { ask, sent } = await standUp('auto', refusingField(field));
    expect((await ask(fields)).status).toBe(200);
    expect((await ask(fields)).status).toBe(200);
    expect(sent().map(({ body }) => field in body)).toEqual([true, false, false]);
  });

  it('gets the scope of cache_control taken out wherever it is one, and nowhere else', async () => {
    const cached = { type: 'ephemeral', scope: 'global' };
    const text = (control: object) => ({ type: 'text', text: 'hi "cache_control"', cache_control: control });
    const schema = { type: 'object', properties: { cache_control: cached } };
    const request = (control: object) => ({
      cache_control: control,
      system: [text(control)],
      tools: [{ name: 't', input_schema: schema, cache_control: control }],
      messages: [
        { role: 'user', content: [text(control), { type: 'tool_result', content: [text(control)] }] },
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 't', name: 't', input: { cache_control: cached } }],
        },
        { role: 'user', content: 'cache_control' },
      ],
    });
    const isFirst = { value: true };
    const { ask, sent } = await standUp('auto', () => {
      const wasFirst = isFirst.value;
      isFirst.value = false;
      return wasFirst
        ? 'messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted'
        : undefined;
    });
    expect((await ask(request(cached))).status).toBe(200);
    expect(sent()[1]?.body).toEqual({
      model: 'claude-test',
      max_tokens: 100,
      ...request({ type: 'ephemeral' }),
    });
  });

  it('gets one thing after the other left out', async () => {
    const objections = [
      refusing('token-efficient-tools-2025-02-19'),
      refusing('thinking-token-count-2026-05-13'),
      refusingField('metadata'),
    ];
    const { ask, sent } = await standUp('auto', (received) =>
      objections.map((objection) => objection(received)).find((text) => text !== undefined),
    );
    const betas = 'thinking-token-count-2026-05-13,token-efficient-tools-2025-02-19';
    expect((await ask({ metadata: {} }, betas)).status).toBe(200);
    expect(sent()).toHaveLength(4);
  });

  it('is asked again after 24 hours', async () => {
    const { ask, sent, clock } = await standUp('auto', refusing('token-efficient-tools-2025-02-19'));
    await ask({}, 'token-efficient-tools-2025-02-19');
    clock.advance(24 * HOURS - 1);
    await ask({}, 'token-efficient-tools-2025-02-19');
    expect(sent()).toHaveLength(3);
    clock.advance(1);
    await ask({}, 'token-efficient-tools-2025-02-19');
    expect(sent()).toHaveLength(5);
  });

  it('is not held to it for its other models', async () => {
    const { ask, sent } = await standUp('auto', refusing('token-efficient-tools-2025-02-19'));
    await ask({}, 'token-efficient-tools-2025-02-19');
    await ask({}, 'token-efficient-tools-2025-02-19', 'claude-other');
    expect(sent()[2]?.betas).toBe('token-efficient-tools-2025-02-19');
  });
});

describe("a refusal is the client's", () => {
  it.each([
    [
      'of a beta that the body makes use of',
      'context-management-2025-06-27',
      { context_management: { edits: [] } },
    ],
    ['of a beta that nobody knows', 'brand-new-2026-11-11', {}],
    ['of a beta that changes answers', 'context-1m-2025-08-07', {}],
    ['of safeguards', 'safeguards-2026-09-01', {}],
  ])('%s', async (_what, beta, fields) => {
    const { ask, sent } = await standUp('auto', refusing(beta));
    const answer = await ask(fields, `${beta},claude-code-20250219`);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).message).toBe(`Unexpected value(s) \`${beta}\` for the \`anthropic-beta\` header`);
    expect(sent()).toHaveLength(1);
  });

  it.each([
    ['of a field that matters', { thinking: { type: 'enabled' } }, 'thinking'],
    ['of safeguards in the body', { safeguards: {} }, 'safeguards'],
    ['of a field that it never got', {}, 'metadata'],
  ])('%s', async (_what, fields, field) => {
    const { ask, sent } = await standUp('auto', () => `${field}: Extra inputs are not permitted`);
    expect((await ask(fields)).status).toBe(400);
    expect(sent()).toHaveLength(1);
  });

  it.each([
    ['a member of metadata', { metadata: { user_id: 'x', foo: 1 } }, 'metadata.foo'],
    ['a member of diagnostics', { diagnostics: { foo: 1 } }, 'diagnostics.foo'],
    [
      'a scope that is not the one of cache_control',
      { cache_control: { type: 'ephemeral', scope: 'global' } },
      'tools.0.cache_control.a.b.scope',
    ],
  ])('of %s, and the others keep theirs', async (_what, fields, refused) => {
    const { ask, sent } = await standUp(
      'auto',
      refusingField('foo', `${refused}: Extra inputs are not permitted`),
    );
    const others = { metadata: { user_id: 'y' }, diagnostics: { previous_message_id: 'y' } };
    const answer = await ask({ foo: 1, ...fields });
    expect([answer.status, errorOf(answer).message]).toEqual([
      400,
      `${refused}: Extra inputs are not permitted`,
    ]);
    expect((await ask(others)).status).toBe(200);
    expect(sent()).toHaveLength(2);
    expect(sent()[1]?.body).toMatchObject(others);
  });

  it('of a beta that was learnt, in a request that makes use of it', async () => {
    const beta = 'context-management-2025-06-27';
    const { ask, sent } = await standUp('auto', refusing(beta));
    expect((await ask({}, beta)).status).toBe(200);
    expect((await ask({ context_management: {} }, beta)).status).toBe(400);
    expect(sent().map(({ betas }) => betas)).toEqual([beta, undefined, beta]);
  });

  it('of which nothing is to be learnt', async () => {
    const { ask, sent } = await standUp(false, refusing('token-efficient-tools-2025-02-19'));
    expect((await ask({}, 'token-efficient-tools-2025-02-19')).status).toBe(400);
    expect(sent()).toHaveLength(1);
  });
});

describe('the provider behind it', () => {
  it('judges the very request that it prepared', async () => {
    const prepared: unknown[] = [];
    const judged: unknown[] = [];
    const provider = withoutRefused(
      {
        origin: 'https://cloud.example.test',
        sendsPings: false,
        maxBodyBytes: undefined,
        boundsTimeToHeaders: false,
        countsTokens: true,
        prepare(request) {
          prepared.push(request);
          return { path: '/', headers: [], body: request.body.bytes };
        },
        judge({ request }) {
          judged.push(request);
          return { verdict: 'account', shown: undefined };
        },
      },
      { name: 'cloud', strip: ['metadata'] },
      { clock: createManualClock(), log: createMemoryLog() },
    );
    for (const request of [outgoingRequest({ metadata: {} }), outgoingRequest()]) {
      await provider.prepare(request);
      provider.judge({ status: 401, headers: {}, body: Buffer.alloc(0), request });
    }
    expect(judged[0]).toBe(prepared[0]);
    expect(judged[1]).toBe(prepared[1]);
  });
});

describe('a success', () => {
  /** What the provider is handed to translate with, once something has been left out. */
  function translated(fields: object, headers: Readonly<Record<string, string>> = {}) {
    let handed: OutgoingRequest | undefined;
    const provider = withoutRefused(
      {
        origin: 'https://cloud.example.test',
        sendsPings: false,
        maxBodyBytes: undefined,
        boundsTimeToHeaders: false,
        countsTokens: true,
        prepare: ({ body }) => ({ path: '/', headers: [], body: body.bytes }),
        judge: () => ({ verdict: 'broken', shown: undefined }),
        translate(answer, request) {
          handed = request;
          return answer;
        },
      },
      { name: 'cloud', strip: ['metadata', 'pdfs-2024-09-25'] },
      { clock: createManualClock(), log: createMemoryLog() },
    );
    const request = outgoingRequest(fields, headers);
    provider.prepare(request);
    provider.translate?.({ status: 200, headers: {}, ...wholeSource(Buffer.alloc(0)) }, request);
    return { request, handed };
  }

  it('keeps no second body: what was written without the field is let go of, and the original stays for others', () => {
    const { request, handed } = translated({ metadata: {}, safeguards: {} });
    expect(handed?.body).not.toBe(request.body);
    expect(handed?.body.bytes).toHaveLength(0);
    expect([handed?.body.model, handed?.body.members.has('safeguards')]).toEqual(['claude-test', true]);
    expect(JSON.parse(request.body.bytes.toString())).toHaveProperty('metadata');
  });

  it('leaves a body alone that went out as it was', () => {
    const { request, handed } = translated({}, { 'anthropic-beta': 'pdfs-2024-09-25' });
    expect(handed).not.toBe(request);
    expect(handed?.body).toBe(request.body);
    expect(request.body.bytes.length).toBeGreaterThan(0);
  });
});

describe('what the operator lists', () => {
  it('is left out at once and always, and nothing is learnt', async () => {
    const strip = ['fast-mode-2026-02-01', 'metadata', 'speed', 'cache_control.scope'];
    const { ask, sent } = await standUp(strip, refusing('token-efficient-tools-2025-02-19'));
    const fields = { metadata: {}, speed: 'fast', cache_control: { type: 'ephemeral', scope: 'global' } };
    await ask(fields, 'fast-mode-2026-02-01,pdfs-2024-09-25');
    expect(sent()).toEqual([
      {
        betas: 'pdfs-2024-09-25',
        body: { model: 'claude-test', max_tokens: 100, messages: [], cache_control: { type: 'ephemeral' } },
      },
    ]);
    expect((await ask({}, 'token-efficient-tools-2025-02-19')).status).toBe(400);
  });

  it('does not reach safeguards, nor what makes a request one', async () => {
    const strip = ['safeguards', 'safeguards-2026-09-01', 'model', 'messages', 'max_tokens'];
    const { ask, sent } = await standUp(strip, () => undefined);
    expect((await ask({ safeguards: {} }, 'safeguards-2026-09-01')).status).toBe(200);
    expect(sent()).toEqual([
      {
        betas: 'safeguards-2026-09-01',
        body: { model: 'claude-test', max_tokens: 100, messages: [], safeguards: {} },
      },
    ]);
  });
});
