import { afterEach, describe, expect, it } from 'vitest';
import type { GatewayConfig } from '../../../src/config/gateway-config.ts';
import { openProtocolPage } from '../../../src/gateway/doors/protocol.ts';
import type { LearntRefusal } from '../../../src/gateway/upstream/provider.ts';
import { OTLP_PATHS, paths } from '../../../src/kernel/protocol.ts';
import { configOf, fileWith, SECRET } from '../../config/config-file.ts';
import { startListener, type TestListener } from '../../support/listener.ts';

let listener: TestListener | undefined;
afterEach(() => listener?.close());

const PROFILE = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc';
const CLOUD =
  'upstreams:\n  - { provider: bedrock, name: cloud, region: us-east-1, auth: { aws_bearer_token: b-key } }\n';

async function standUp(sections: Readonly<Record<string, string>>) {
  const state = { config: configOf(fileWith(sections)), learnt: [] as readonly LearntRefusal[] };
  const page = openProtocolPage(
    {
      publicUrl: 'https://gateway.example.test',
      program: { version: '1.2.3', isPractice: false },
      processes: undefined,
      inForce: (): GatewayConfig => state.config,
    },
    [
      { name: 'cloud', provider: { learnt: () => state.learnt } },
      { name: 'direct', provider: {} },
    ],
  );
  const endpoint = { method: 'GET', path: paths.protocol, envelope: 'messages', guard: 'open' } as const;
  const others = [paths.managedSettings, paths.desktopBootstrap, OTLP_PATHS.metrics];
  const endpoints = [endpoint, ...others.map((path) => ({ ...endpoint, path }))];
  listener = await startListener([{ ...endpoint, handle: page(() => endpoints) }]);
  const url = listener.url + paths.protocol;
  return { state, get: () => fetch(url), text: async () => (await fetch(url)).text() };
}

describe('the page of a running gateway', () => {
  it('names models as clients do, each once, and never an account', async () => {
    const mapped = `models:\n  - { id: claude-of-ours, upstream_model: { cloud: '${PROFILE}' } }\n`;
    const { state, text } = await standUp({ upstreams: CLOUD, models: mapped });
    state.learnt = [
      { model: PROFILE, name: 'metadata' },
      { model: 'us.anthropic.claude-opus-4-8', name: 'metadata' },
      { model: `${PROFILE}d`, name: 'diagnostics' },
      { model: 'made-up-by-a-developer', name: 'diagnostics' },
    ];
    const page = await text();
    const told = page.split('### Learnt by this process')[1]?.match(/^\| `.*$/gm);
    expect(told).toEqual([
      '| `cloud` | `claude-of-ours` | `metadata` |',
      '| `cloud` | `claude-opus-4-8` | `metadata` |',
      '| `cloud` | another model | `diagnostics` |',
    ]);
    expect(page).not.toMatch(/123456789012|made-up/);
  });

  it('says nothing of keys, addresses of upstreams and the identity provider', async () => {
    const { text } = await standUp({ upstreams: CLOUD });
    const page = await text();
    expect(page).toContain('| `cloud` |');
    for (const own of [
      SECRET,
      'b-key',
      'of-the-provider',
      'login.example.com',
      'us-east-1',
      '/var/lib/sallyport',
    ])
      expect(page).not.toContain(own);
  });

  it('has the figures of the file', async () => {
    const { text } = await standUp({
      session: `session: { jwt_secret: ${SECRET}, ttl_hours: 2, refresh_ttl_days: 3 }\n`,
      limits:
        'limits: { max_request_bytes: 1000001, max_request_header_bytes: 65536, max_url_length: 8192, per_developer: { concurrent: 7, requests_per_minute: 77 } }\n',
      timeouts: 'timeouts: { upstream_idle_ms: 12345 }\n',
      unknown_models: 'unknown_models: forward\n',
    });
    const page = await text();
    for (const said of [
      '`expires_in` (7200 here)',
      '259200 seconds',
      '| 1000001 bytes | 413 |',
      '| 65536 bytes | 431 |',
      '| 8192 characters | 414 |',
      '| 7 | 429 |',
      '| 77 | 429 |',
      '| 12345 ms |',
      '| unknown models | on |',
    ])
      expect(page).toContain(said);
  });

  it.each([
    ['metrics', '', ''],
    ['logs', 'metrics: false, logs: true', 'managed: { policies: [{ match: {}, cli: {} }] }\n'],
    ['metrics, traces', 'traces: true', 'managed: { policies: [{ match: {}, cli: {}, desktop: {} }] }\n'],
  ])('says that destinations take %s, and what policies have', async (signals, flags, managed) => {
    const { state, text } = await standUp({
      telemetry: `telemetry: { forward_to: [{ url: https://otel.example.test, ${flags} }] }\n`,
      managed,
    });
    const page = await text();
    expect(state.config.telemetry.forward_to).toHaveLength(1);
    expect(page).toContain(`destinations take ${signals} |`);
    expect(page).toContain('| managed settings | on |');
    expect(page).toContain(`| Claude Desktop | ${managed.includes('desktop') ? 'on' : 'off'} |`);
    expect(page).not.toContain('otel.example.test');
  });

  it('is the same until the configuration in force is another one', async () => {
    const { state, get, text } = await standUp({});
    const tag = async () => (await get()).headers.get('etag');
    const before = await tag();
    expect(await tag()).toBe(before);
    state.config = configOf(fileWith({ unknown_models: 'unknown_models: forward\n' }));
    expect(await tag()).not.toBe(before);
    expect(await text()).toContain('| unknown models | on |');
  });
});
