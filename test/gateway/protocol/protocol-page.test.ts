import { afterEach, describe, expect, it } from 'vitest';
import { oauthErrors, requestErrors } from '../../../src/gateway/errors.ts';
import type { ProtocolFacts } from '../../../src/gateway/protocol/facts.ts';
import type { Learnt } from '../../../src/gateway/protocol/learnt.ts';
import { createProtocolPage } from '../../../src/gateway/protocol/protocol-page.ts';
import { createRoutes, type RouteParts } from '../../../src/gateway/routes.ts';
import { OTLP_PATHS, paths } from '../../../src/kernel/protocol.ts';
import { startListener, type TestListener } from '../../support/listener.ts';

/** The real table of endpoints, whatever its handlers are. */
const nothing: unknown = new Proxy(() => undefined, { get: () => nothing });
const routes = createRoutes(nothing as RouteParts);

const usual: ProtocolFacts = {
  version: '1.2.3',
  publicUrl: 'https://gateway.example.test',
  isPractice: false,
  accessTtlSeconds: 3_600,
  refreshTtlSeconds: 86_400,
  limits: {
    bodyBytes: 1_000_001,
    headBytes: 262_144,
    urlLength: undefined,
    telemetryBytes: 4_000_004,
    concurrent: undefined,
    requestsPerMinute: undefined,
    upstreamSilenceMs: 600_000,
  },
  forwardsUnknownModels: false,
  hasPolicies: true,
  hasDesktop: true,
  relayedSignals: ['metrics', 'traces'],
  headers: { passed: ['accept'], passedPrefixes: ['x-a-'], withheld: ['x-a-b'], returned: ['retry-after'] },
  strip: [
    { upstream: 'cloud', rule: 'auto' },
    { upstream: 'direct', rule: false },
    { upstream: 'told', rule: ['metadata', 'beta-1'] },
  ],
};

let listener: TestListener | undefined;
afterEach(() => listener?.close());

/** A gateway whose page has these facts, which may change. */
async function standUp(facts: Partial<ProtocolFacts> = {}, endpoints = routes) {
  const state = { facts: { ...usual, ...facts }, learnt: [] as readonly Learnt[], timesWritten: 0 };
  const page = createProtocolPage({ facts: () => state.facts, learnt: () => state.learnt });
  const handle = page(() => {
    state.timesWritten += 1;
    return endpoints;
  });
  listener = await startListener([{ method: 'GET', path: paths.protocol, envelope: 'messages', handle }]);
  const url = listener.url + paths.protocol;
  const get = (headers: Record<string, string> = {}) => fetch(url, { headers });
  return { state, get, text: async () => (await get()).text() };
}

const pageWith = async (facts: Partial<ProtocolFacts> = {}, endpoints = routes) =>
  (await standUp(facts, endpoints)).text();

/** The cells of the first row that begins with these. */
function rowOf(text: string, ...cells: readonly string[]): readonly string[] | undefined {
  const row = text.split('\n').find((line) => line.startsWith(`| ${cells.join(' | ')} |`));
  return row?.slice(2, -2).split(' | ');
}

describe('the page of the protocol', () => {
  it.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    'tells of %s: who may ask and what it is for',
    async (_name, { method, path, guard, envelope }) => {
      const row = rowOf(await pageWith(), method, `\`${path.replace(':id', '{id}')}\``);
      expect(row?.[2]).toBe(guard);
      expect(row?.[3]).toBe({ messages: 'Messages', oauth: 'OAuth', page: 'a page' }[envelope]);
      expect(row?.[4]).toMatch(/\w{4}/);
    },
  );

  it('tells of no other endpoint', async () => {
    const rows = (await pageWith()).match(/^\| (?:GET|POST|PUT|HEAD|DELETE) \| `\/.*$/gm);
    expect(rows).toHaveLength(routes.length);
  });

  it.each(Object.entries(requestErrors).filter(([code]) => code !== 'client_left'))(
    'has the error %s',
    async (_code, { status, type, sentence }) => {
      const errors = (await pageWith()).split('### Messages')[1] ?? '';
      const rows = errors.split('\n').filter((line) => line.startsWith(`| ${status} | \`${type}\` | `));
      const beginning =
        typeof sentence === 'string' ? sentence : sentence({ maxBytes: 0 }).split(/undefined|0/)[0];
      expect(rows.some((row) => row.includes(`\`${beginning}`))).toBe(true);
    },
  );

  it.each(Object.entries(oauthErrors))(
    'has the sign-in error %s',
    async (_code, { status, error, description }) => {
      const errors = (await pageWith()).split('### OAuth')[1] ?? '';
      const sentence = typeof description === 'string' ? description : description({});
      expect(errors).toContain(`| ${status} | \`${error}\` | \`${sentence}\``);
    },
  );

  it('says which gateway this is, with its version and its own figures', async () => {
    const text = await pageWith({ limits: { ...usual.limits, urlLength: 8_192, concurrent: 7 } });
    expect(text).toContain('Sallyport 1.2.3, gateway protocol version 1, at `https://gateway.example.test`');
    expect(text).toContain('`expires_in` (3600 here)');
    expect(text).toContain('| request body, as sent and as inflated | 1000001 bytes | 413 |');
    expect(text).toContain('| path with query | 8192 characters | 414 |');
    expect(text).toContain('| open inference requests of one developer | 7 | 429 |');
    expect(text).not.toContain('practice');
    expect(await pageWith({ isPractice: true })).toContain('practice gateway');
  });

  it.each<[string, Partial<ProtocolFacts>, Partial<ProtocolFacts>]>([
    [
      'managed settings',
      { hasPolicies: true, relayedSignals: [] },
      { hasPolicies: false, relayedSignals: [] },
    ],
    [
      'managed settings',
      { hasPolicies: false, relayedSignals: ['logs'] },
      { hasPolicies: false, relayedSignals: [] },
    ],
    ['Claude Desktop', { hasDesktop: true }, { hasDesktop: false }],
    ['telemetry forwarding', { relayedSignals: ['logs'] }, { relayedSignals: [] }],
    ['unknown models', { forwardsUnknownModels: true }, { forwardsUnknownModels: false }],
    [
      'learning refusals',
      { strip: [{ upstream: 'a', rule: 'auto' }] },
      { strip: [{ upstream: 'a', rule: ['metadata'] }] },
    ],
  ])('says whether %s is on', async (part, on, off) => {
    expect(rowOf(await pageWith(on), part)?.[1]).toBe('on');
    await listener?.close();
    expect(rowOf(await pageWith(off), part)?.[1]).toBe('off');
  });

  it('says that nothing is metered where nobody can ask for their spending', async () => {
    expect(rowOf(await pageWith(), 'spending caps')?.[1]).toBe('off');
  });

  it('tells of no part whose endpoint is not there', async () => {
    const absent: readonly string[] = [paths.managedSettings, paths.desktopBootstrap, OTLP_PATHS.metrics];
    const text = await pageWith(
      {},
      routes.filter(({ path }) => !absent.includes(path)),
    );
    for (const part of ['managed settings', 'Claude Desktop', 'telemetry forwarding'])
      expect(rowOf(text, part)?.[1]).toBe('off');
    expect(text).not.toMatch(/^## (?:Managed settings|Claude Desktop|Telemetry)$/m);
  });

  it('names the headers that pass, and what is left out for whom', async () => {
    const text = await pageWith();
    expect(text).toContain('Sent to upstreams: `accept`, `x-a-*`; not `x-a-b`');
    expect(text).toContain('Returned: `retry-after`');
    expect(rowOf(text, '`direct`')?.[1]).toBe('nothing');
    expect(rowOf(text, '`told`')?.[1]).toBe('`metadata`, `beta-1`');
  });

  it('keeps names with marks of Markdown in their cells', async () => {
    const { state, text } = await standUp();
    state.learnt = [{ upstream: 'a|b`c\n# d', model: undefined, name: 'metadata' }];
    expect(await text()).toContain("| `a\\|b'c # d` | another model | `metadata` |");
  });
});

describe('asked for again', () => {
  it('is not sent twice, and not written twice', async () => {
    const { state, get } = await standUp();
    const first = await get();
    expect(first.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    const etag = first.headers.get('etag') ?? '';
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await get({ 'if-none-match': known });
      expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: '' });
      expect(again.headers.get('etag')).toBe(etag);
    }
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
    expect(state.timesWritten).toBe(1);
  });

  it('is another one when something has been learnt, and the former when that is over', async () => {
    const { state, get } = await standUp();
    const tag = async () => (await get()).headers.get('etag');
    const before = await tag();
    expect(await (await get()).text()).toContain('Nothing is left out so at present.');
    state.learnt = [{ upstream: 'cloud', model: 'claude-a', name: 'metadata' }];
    expect(await (await get()).text()).toContain('| `cloud` | `claude-a` | `metadata` |');
    expect(await tag()).not.toBe(before);
    state.learnt = [];
    expect(await tag()).toBe(before);
    expect(state.timesWritten).toBe(1);
  });

  it('is another one when the configuration has changed', async () => {
    const { state, get } = await standUp();
    const before = (await get()).headers.get('etag');
    state.facts = { ...state.facts, forwardsUnknownModels: true };
    const after = await get({ 'if-none-match': before ?? '' });
    expect(after.status).toBe(200);
    expect(rowOf(await after.text(), 'unknown models')?.[1]).toBe('on');
  });
});
