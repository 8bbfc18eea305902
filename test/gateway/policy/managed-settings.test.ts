import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../src/gateway/exchange.ts';
import { createManagedSettingsEndpoint } from '../../../src/gateway/policy/managed-settings.ts';
import { servedSettings } from '../../../src/gateway/policy/served-settings.ts';
import { ask } from '../../support/device-flow.ts';
import { NOTHING_PUSHED } from '../../support/nothing-pushed.ts';
import { type AuditedLine, serveEndpoint } from './endpoint-server.ts';

const caller: Caller = {
  sub: 'ada',
  email: 'ada@example.test',
  name: undefined,
  groups: [],
  sid: 'session-1',
  expiresAtMs: 0,
};
const SETTINGS = {
  model: 'opus',
  permissions: { deny: ['WebFetch'], allow: [] },
  env: { B: '2', '10': 'x' },
};
const CANONICAL = '{"env":{"10":"x","B":"2"},"model":"opus","permissions":{"allow":[],"deny":["WebFetch"]}}';
const CHECKSUM = `sha256:${createHash('sha256').update(CANONICAL).digest('hex')}`;
const TAG = `"${CHECKSUM}"`;

let policy: Readonly<Record<string, unknown>> | undefined;
const events: AuditedLine[] = [];
const handler = createManagedSettingsEndpoint({
  settingsOf: () => servedSettings(policy, NOTHING_PUSHED),
  version: '1.2.3',
  audit: (event, _requestId, fields) => void events.push({ event, ...fields }),
});
let server: Awaited<ReturnType<typeof serveEndpoint>>;

beforeAll(async () => {
  server = await serveEndpoint('/managed/settings', handler, () => caller);
});
beforeEach(() => {
  policy = SETTINGS;
  events.length = 0;
});
afterAll(() => server.close());

const settings = (ifNoneMatch?: string) =>
  ask(server.url, ifNoneMatch === undefined ? {} : { headers: { 'if-none-match': ifNoneMatch } });

describe('/managed/settings', () => {
  it('answers with the settings and what they sum up to', async () => {
    const answer = await settings();
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      uuid: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      checksum: CHECKSUM,
      settings: SETTINGS,
    });
    expect(answer.headers.get('etag')).toBe(TAG);
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    expect(answer.headers.get('x-cc-gateway-version')).toBe('1.2.3');
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  it('has one uuid for one content', async () => {
    const first = (await settings()).json['uuid'];
    expect((await settings()).json['uuid']).toBe(first);
    policy = { model: 'haiku' };
    expect((await settings()).json['uuid']).not.toBe(first);
  });

  it.each([TAG, `W/${TAG}`, `"other", ${TAG}`, `"other",W/${TAG},"more"`])(
    'says that nothing has changed to who has them already: %s',
    async (tag) => {
      const answer = await settings(tag);
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 304, text: '' });
      expect(answer.headers.get('etag')).toBe(TAG);
      expect(answer.headers.get('cache-control')).toBe('private, no-cache');
      expect(answer.headers.get('x-cc-gateway-version')).toBe('1.2.3');
    },
  );

  it.each(['*', '"other"', CHECKSUM, '""', `"${CHECKSUM.slice(0, -1)}"`, '*, "other"'])(
    'answers in full to who has something else, or says nothing of it: %s',
    async (tag) => {
      expect((await settings(tag)).status).toBe(200);
    },
  );

  it('is 404 for who has no policy, and never in words that mean something else to clients', async () => {
    policy = undefined;
    for (const tag of [undefined, '*', TAG]) {
      const answer = await settings(tag);
      expect(answer.status).toBe(404);
      expect(answer.json).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
      expect(answer.headers.get('cache-control')).not.toContain('no-store');
    }
  });

  it('has an empty policy as such', async () => {
    policy = {};
    const answer = await settings();
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      checksum: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      settings: {},
    });
  });

  it('leaves a line in the audit trail each time', async () => {
    await settings();
    await settings(TAG);
    policy = undefined;
    await settings();
    const who = {
      event: 'managed.serve',
      sub: 'ada',
      email: 'ada@example.test',
      client_ip: '198.51.100.7',
    };
    expect(events).toEqual([
      { ...who, status: 200, checksum: CHECKSUM },
      { ...who, status: 304, checksum: CHECKSUM },
      { ...who, status: 404, checksum: undefined },
    ]);
  });
});

describe('what the gateway pushes', () => {
  const push = { env: { A: 'gateway', B: 'gateway' }, modelPricing: { multiplier: 0.5 } };
  const served = (own: Readonly<Record<string, unknown>> | undefined) => {
    const found = servedSettings(own, push);
    return found && JSON.parse(found.body).settings;
  };

  it('lies below what the policy says', () => {
    expect(served({ env: { B: 'policy' }, model: 'opus' })).toEqual({
      env: { A: 'gateway', B: 'policy' },
      model: 'opus',
      modelPricing: { multiplier: 0.5 },
    });
  });

  it('keeps a pricing of the policy whole, an empty one too', () => {
    expect(served({ modelPricing: { overrides: {} } })).toMatchObject({ modelPricing: { overrides: {} } });
    expect(served({ modelPricing: {} })['modelPricing']).toEqual({});
  });

  it('is for people without a policy the variables alone', () => {
    expect(served(undefined)).toEqual({ env: push.env });
    expect(servedSettings(undefined, { ...push, env: {} })).toBeUndefined();
  });
});
