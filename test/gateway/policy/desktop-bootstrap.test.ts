import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { builtinModels } from '../../../src/gateway/catalog/builtin-models.ts';
import { createCatalog } from '../../../src/gateway/catalog/catalog.ts';
import type { Caller } from '../../../src/gateway/exchange.ts';
import { createDesktopBootstrapEndpoint } from '../../../src/gateway/policy/desktop-bootstrap.ts';
import { identityAttributes } from '../../../src/gateway/policy/desktop-document.ts';
import type { PolicyDocuments } from '../../../src/gateway/policy/documents.ts';
import { createPolicySet } from '../../../src/gateway/policy/policy-set.ts';
import { ask } from '../../support/device-flow.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { NOTHING_PUSHED } from '../../support/nothing-pushed.ts';
import { type AuditedLine, serveEndpoint } from './endpoint-server.ts';

const URL = 'https://gateway.example';
const ada: Caller = {
  sub: 'ada',
  email: 'ada@example.test',
  name: undefined,
  groups: ['eng', 'core'],
  sid: 'session-1',
  expiresAtMs: 0,
};
const catalog = createCatalog(
  {
    upstreams: [{ name: 'anthropic', provider: 'anthropic', region: undefined, models: undefined }],
    models: [{ id: 'house', label: 'House', description: undefined, upstreamModel: { anthropic: 'x' } }],
    includesBuiltin: true,
    forwardsUnknown: false,
  },
  builtinModels(),
);
const policySet = (documents: PolicyDocuments, forwardsTelemetry = false) =>
  createPolicySet({
    policies: [{ match: { groups: undefined, emailDomain: undefined }, documents }],
    catalog,
    push: NOTHING_PUSHED,
    desktop: { publicUrl: URL, forwardsTelemetry },
  });
const OPTED_IN = { settings: { availableModels: ['house'] }, desktop: { disableAutoUpdates: true } };

const clock = createManualClock(Date.UTC(2026, 0, 1));
const events: AuditedLine[] = [];
let who: Caller;
let policies: ReturnType<typeof policySet>;
let server: Awaited<ReturnType<typeof serveEndpoint>>;
const handler = createDesktopBootstrapEndpoint({
  desktopOf: (caller) => policies.desktopOf(caller),
  audit: (event, _requestId, fields) => void events.push({ event, ...fields }),
  clock,
});

beforeAll(async () => {
  server = await serveEndpoint('/user/bootstrap', handler, () => who);
});
beforeEach(() => {
  who = { ...ada };
  policies = policySet(OPTED_IN);
  events.length = 0;
});
afterAll(() => server.close());

const bootstrap = (ifNoneMatch?: string) =>
  ask(server.url, ifNoneMatch === undefined ? {} : { headers: { 'if-none-match': ifNoneMatch } });

describe('/user/bootstrap', () => {
  it('tells how to reach which models, then the keys of the block, and until when', async () => {
    const answer = await bootstrap();
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      inferenceProvider: 'gateway',
      inferenceGatewayBaseUrl: URL,
      inferenceCredentialKind: 'interactive',
      inferenceModels: [{ name: 'house', labelOverride: 'House' }],
      disableAutoUpdates: true,
      expiresAt: clock.now() / 1000 + 3600,
    });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(events).toEqual([
      {
        event: 'desktop_bootstrap.serve',
        sub: 'ada',
        email: 'ada@example.test',
        client_ip: '198.51.100.7',
        status: 200,
      },
    ]);
  });

  it('says that nothing has changed while only time has passed', async () => {
    const etag = (await bootstrap()).headers.get('etag') ?? '';
    clock.advance(60_000);
    expect((await bootstrap(`W/${etag}`)).status).toBe(304);
    expect(events.at(-1)).toMatchObject({ event: 'desktop_bootstrap.serve', status: 304 });
    expect((await bootstrap('*')).status).toBe(200);
    policies = policySet({ ...OPTED_IN, desktop: {} });
    expect((await bootstrap(etag)).status).toBe(200);
  });

  it('names the person to telemetry that is forwarded, and changes with who it is', async () => {
    policies = policySet(OPTED_IN, true);
    const answer = await bootstrap();
    expect(answer.json).toMatchObject({
      otlpEndpoint: URL,
      otlpProtocol: 'http/protobuf',
      otlpAuthMode: 'inference-credential',
      otlpResourceAttributes: {
        'user.email': 'ada@example.test',
        'user.groups': 'eng,core',
        'enduser.id': 'ada',
      },
    });
    who = { ...ada, groups: ['eng'] };
    expect((await bootstrap(answer.headers.get('etag') ?? '')).status).toBe(200);
  });

  it('leaves attributes to a block that has its own', async () => {
    policies = policySet({ settings: {}, desktop: { otlpResourceAttributes: {} } }, true);
    expect((await bootstrap()).json['otlpResourceAttributes']).toEqual({});
  });

  it.each([
    ['not_configured', { settings: {}, desktop: undefined }, undefined],
    ['policy_not_opted_in', { settings: {}, desktop: undefined }, ['other']],
    ['no_policy_matched', undefined, ['other']],
  ] as const)('is 404 where there is nothing: %s', async (reason, documents, otherGroups) => {
    const match = { groups: undefined, emailDomain: undefined };
    policies = createPolicySet({
      policies: [
        ...(otherGroups ? [{ match: { ...match, groups: otherGroups }, documents: OPTED_IN }] : []),
        ...(documents ? [{ match, documents }] : []),
      ],
      catalog,
      push: NOTHING_PUSHED,
      desktop: { publicUrl: URL, forwardsTelemetry: true },
    });
    const answer = await bootstrap('*');
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({ error: { type: 'not_found_error' } });
    expect(events).toEqual([
      {
        event: 'desktop_bootstrap.denied',
        sub: 'ada',
        email: 'ada@example.test',
        client_ip: '198.51.100.7',
        reason,
      },
    ]);
  });
});

describe('the attributes of a person', () => {
  const attributesOf = (change: Partial<Caller>) => identityAttributes({ ...ada, ...change });

  it('leave out a value that would be read as two, and one that is too long', () => {
    expect(attributesOf({ email: 'a,b@example.test' })).not.toHaveProperty('user.email');
    expect(attributesOf({ sub: 'a=b' })).not.toHaveProperty('enduser.id');
    expect(attributesOf({ groups: ['a', 'b,c'] })).not.toHaveProperty('user.groups');
    expect(attributesOf({ groups: ['ä'.repeat(43)] })).not.toHaveProperty('user.groups');
    expect(attributesOf({ groups: ['ä'.repeat(42)] })).toHaveProperty('user.groups');
    expect(attributesOf({ sub: 'a'.repeat(255) })).toHaveProperty('enduser.id');
    expect(attributesOf({ sub: 'a'.repeat(256) })).not.toHaveProperty('enduser.id');
    expect(attributesOf({ sub: '\ud800' })).not.toHaveProperty('enduser.id');
  });

  it('leave out what is not known', () => {
    expect(attributesOf({ email: undefined, groups: [] })).toEqual({ 'enduser.id': 'ada' });
  });
});
