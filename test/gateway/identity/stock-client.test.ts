import {
  allowInsecureRequests,
  type Configuration,
  customFetch,
  type DeviceAuthorizationResponse,
  discovery,
  initiateDeviceAuthorization,
  None,
  pollDeviceAuthorizationGrant,
  ResponseBodyError,
  refreshTokenGrant,
  tokenRevocation,
} from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeviceFlow } from '../../support/device-flow.ts';
import { type IdentityGateway, startIdentityGateway } from '../../support/identity-gateway.ts';
import { signInWithoutBrowser } from '../../support/oidc-provider.ts';

let gateway: IdentityGateway;
let flow: ReturnType<typeof createDeviceFlow>;
let config: Configuration;
/** Called before each poll of the client. */
let onPoll: (count: number) => unknown;
/** Called with the error of each answer to a poll. */
let onError: (error: string) => void;
let polls = 0;

beforeAll(async () => {
  gateway = await startIdentityGateway();
  flow = createDeviceFlow(gateway);
  config = await discovery(new URL(gateway.url), 'a-stock-client', undefined, None(), {
    algorithm: 'oauth2',
    execute: [allowInsecureRequests],
  });
  config[customFetch] = async (url, options) => {
    const isPoll = url.endsWith('/oauth/token');
    if (isPoll) await onPoll(++polls);
    const response = await fetch(url, { ...options, body: options.body ?? null });
    if (isPoll && !response.ok) onError(JSON.parse(await response.clone().text()).error);
    return response;
  };
});
afterAll(() => gateway.close());
beforeEach(() => {
  polls = 0;
  // Where the client waits for its interval, the gateway's time goes on.
  onPoll = () => gateway.clock.advance(5_000);
  onError = () => undefined;
});

const begin = () => initiateDeviceAuthorization(config, { scope: 'openid offline_access' });
const poll = (grant: DeviceAuthorizationResponse, signal?: AbortSignal) =>
  pollDeviceAuthorizationGrant(config, { ...grant, interval: 0 }, undefined, signal ? { signal } : {});
const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof ResponseBodyError ? `${error.status} ${error.error}` : error),
  );

/** The link in the answer, walked through by a browser. */
const approve = ({ verification_uri_complete }: DeviceAuthorizationResponse) =>
  signInWithoutBrowser(verification_uri_complete ?? '');

describe('a stock OAuth client (openid-client)', () => {
  it('reads the discovery document', () => {
    expect(config.serverMetadata()).toMatchObject({
      issuer: gateway.url,
      device_authorization_endpoint: `${gateway.url}/oauth/device_authorization`,
    });
    expect(config.serverMetadata().authorization_endpoint).toBeUndefined();
  });

  it('signs in, polling until the browser is through', async () => {
    const grant = await begin();
    onPoll = async (count) => {
      gateway.clock.advance(5_000);
      if (count === 3) await approve(grant);
    };
    const tokens = await poll(grant);
    expect(polls).toBe(3);
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 3600, email: 'ada@example.test' });
    expect((await flow.whoAmI(tokens.access_token)).json).toMatchObject({ sub: 'practice-ada' });
  });

  it('goes on when it is told to slow down', async () => {
    const grant = await begin();
    const told: string[] = [];
    const stop = new AbortController();
    onPoll = () => undefined;
    onError = (error) => {
      told.push(error);
      if (error === 'slow_down') stop.abort(new Error('seen enough'));
    };
    expect(await errorOf(poll(grant, stop.signal))).toMatchObject({ cause: { message: 'seen enough' } });
    expect(told).toEqual(['authorization_pending', 'slow_down']);
  });

  it('hears that the person denied', async () => {
    const grant = await begin();
    await flow.submit(grant.user_code, 'deny');
    expect(await errorOf(poll(grant))).toBe('400 access_denied');
  });

  it('hears that the code expired', async () => {
    const grant = await begin();
    gateway.clock.advance(600_000);
    expect(await errorOf(poll(grant))).toBe('400 expired_token');
  });

  it('hears that the code was used', async () => {
    const grant = await begin();
    await approve(grant);
    await poll(grant);
    expect(await errorOf(poll(grant))).toBe('400 invalid_grant');
  });

  it('refreshes, signs out, and then reads invalid_grant rather than a challenge', async () => {
    const grant = await begin();
    await approve(grant);
    const first = await poll(grant);
    const second = await refreshTokenGrant(config, first.refresh_token ?? '');
    expect(second.refresh_token).not.toBe(first.refresh_token);
    await tokenRevocation(config, second.refresh_token ?? '', { token_type_hint: 'refresh_token' });
    expect(await errorOf(refreshTokenGrant(config, second.refresh_token ?? ''))).toBe('401 invalid_grant');
    expect((await flow.whoAmI(second.access_token)).status).toBe(401);
  });
});
